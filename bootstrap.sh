#!/bin/sh
# Installs what `make run` (run) or `make test` (test) needs and is missing; quick when nothing is.
set -eu
cd "$(dirname "$0")"
mode=${1:-run}
UV_VERSION=0.13.9

say() { printf '%s\n' "$*" >&2; }
die() { say "qixun: $*"; exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null 2>&1; then sudo "$@"
  else die "需要管理员权限，请用 root 运行或先安装 sudo / '$*' needs an administrator: run as root, or install sudo."
  fi
}

packages_refreshed=
refresh_packages() {
  [ -z "$packages_refreshed" ] || return 0
  as_root apt-get update -qq || die "apt-get 读不到软件列表，请检查网络 / apt-get could not read the package lists: is the network up?"
  packages_refreshed=1
}

install_packages() {
  if command -v apt-get >/dev/null 2>&1; then
    say "installing $* ..."
    refresh_packages
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null ||
      die "apt-get 安装失败 / apt-get could not install: $*"
  elif command -v brew >/dev/null 2>&1; then
    say "installing $* ..."
    brew install --quiet "$@" || die "brew 安装失败 / brew could not install: $*"
  else
    die "没有 apt-get 或 brew，请自行安装 / neither apt-get nor brew is here; install by hand: $*"
  fi
}

have_postgis() {
  for folder in /usr/share/postgresql/* /usr/share/pgsql /opt/homebrew/share/postgresql* /usr/local/share/postgresql*; do
    [ -e "$folder/extension/postgis.control" ] && return 0
  done
  return 1
}

have_libatomic() {
  for library in /usr/lib/*/libatomic.so.1 /lib/*/libatomic.so.1 /usr/lib64/libatomic.so.1; do
    [ -e "$library" ] && return 0
  done
  return 1
}

install_postgis() {
  if command -v apt-get >/dev/null 2>&1; then
    # Only the binaries are wanted: the distribution's own cluster is neither made nor touched.
    as_root mkdir -p /etc/postgresql-common/createcluster.d
    echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.d/qixun.conf >/dev/null
    refresh_packages
    version=$(apt-cache depends postgresql | sed -n 's/.*Depends: postgresql-\([0-9]*\)$/\1/p' | head -1)
    [ -n "$version" ] || die "软件源里没有 PostgreSQL，请安装 15 以上和 PostGIS / these package lists hold no PostgreSQL: install 15 or later with PostGIS"
    install_packages "postgresql-$version" "postgresql-$version-postgis-3"
  else
    install_packages postgresql@17 postgis
  fi
}

# A company's network may speak with a certificate authority of its own, which is in the system's store.
certificates=/etc/ssl/certs/ca-certificates.crt
if [ -s "$certificates" ]; then
  export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}" NODE_EXTRA_CA_CERTS="${NODE_EXTRA_CA_CERTS:-$certificates}"
fi

python=$(command -v python3 || true)
[ -n "$python" ] || { install_packages python3 python3-venv; python=$(command -v python3); }
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "需要 Python 3.11 以上 / Python 3.11 or later is needed, this is $("$python" -V)"

uv=$(command -v uv || true)
if [ -z "$uv" ]; then
  uv=.tools/bin/uv
  if [ ! -x "$uv" ]; then
    "$python" -c 'import ensurepip, venv' 2>/dev/null || install_packages python3-venv
    say "installing uv ..."
    rm -rf .tools
    "$python" -m venv .tools && .tools/bin/pip install -q "uv==$UV_VERSION" || die "uv 安装失败，请检查网络 / uv could not be installed: is PyPI reachable?"
  fi
fi

# A database elsewhere serves `make run`; the tests make one of their own.
if [ "$mode" = test ] || [ -z "${QIXUN_DATABASE_URL:-}${QIXUN_DATABASE_URL_FILE:-}" ]; then
  have_postgis || install_postgis
fi
missing=
if [ "$(uname)" = Linux ]; then
  command -v dbus-daemon >/dev/null 2>&1 || missing="$missing dbus"
  if [ "$mode" = test ]; then
    command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
    # Playwright drives Chromium with a Node of its own, which wants this library.
    have_libatomic || missing="$missing libatomic1"
  fi
fi
# shellcheck disable=SC2086
[ -z "$missing" ] || install_packages $missing

groups="--group demo"
[ "$mode" = run ] || groups="--group demo --group dev"
# An environment with the test packages keeps them when it is only run.
[ "$mode" = run ] && [ -x .venv/bin/pytest ] && groups="--group demo --group dev"
# shellcheck disable=SC2086
UV_PYTHON_DOWNLOADS=never "$uv" sync --quiet --frozen --python "$python" $groups ||
  die "Python 包安装失败（原因见上） / the Python packages could not be installed (above): is PyPI reachable, and is .venv yours?"
.venv/bin/python -m qixun.assets || die "网页资源没有建成（原因见上） / the web assets could not be built (above)"
[ "$mode" = run ] || .venv/bin/python -c 'from qixun.bench.peer import prepare; prepare()' ||
  die "PouchDB 没有装上（原因见上） / PouchDB, which the measurements compare with, was not installed (above)"
