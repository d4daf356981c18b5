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
  else die "'$*' needs an administrator: run it as root, or install sudo, then start again."
  fi
}

packages_refreshed=
install_packages() {
  if command -v apt-get >/dev/null 2>&1; then
    say "installing $* ..."
    if [ -z "$packages_refreshed" ]; then as_root apt-get update -qq; packages_refreshed=1; fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null ||
      die "apt-get could not install: $*"
  elif command -v brew >/dev/null 2>&1; then
    say "installing $* ..."
    brew install --quiet "$@" || die "brew could not install: $*"
  else
    die "no package manager that this knows (apt-get or brew). Install by hand: $*"
  fi
}

have_postgis() {
  for control in /usr/share/postgresql/*/extension/postgis.control /opt/homebrew/share/postgresql*/extension/postgis.control; do
    [ -e "$control" ] && return 0
  done
  return 1
}

install_postgis() {
  if command -v apt-get >/dev/null 2>&1; then
    # Only the binaries are wanted: the distribution's own cluster is neither made nor touched.
    as_root mkdir -p /etc/postgresql-common/createcluster.d
    echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.d/qixun.conf >/dev/null
    as_root apt-get update -qq; packages_refreshed=1
    version=$(apt-cache depends postgresql | sed -n 's/.*Depends: postgresql-\([0-9]*\)$/\1/p' | head -1)
    [ -n "$version" ] || die "this system's packages hold no PostgreSQL; install PostgreSQL 15 or later with PostGIS."
    install_packages "postgresql-$version" "postgresql-$version-postgis-3"
  else
    install_packages postgresql@17 postgis
  fi
}

python=$(command -v python3 || true)
[ -n "$python" ] || { install_packages python3 python3-venv; python=$(command -v python3); }
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "Python 3.11 or later is needed; this is $("$python" -V)."

uv=$(command -v uv || true)
if [ -z "$uv" ]; then
  uv=.tools/bin/uv
  if [ ! -x "$uv" ]; then
    "$python" -c 'import ensurepip, venv' 2>/dev/null || install_packages python3-venv
    say "installing uv ..."
    rm -rf .tools
    "$python" -m venv .tools && .tools/bin/pip install -q "uv==$UV_VERSION" || die "uv could not be installed: is PyPI reachable?"
  fi
fi

have_postgis || install_postgis
missing=
if [ "$(uname)" = Linux ]; then
  command -v dbus-daemon >/dev/null 2>&1 || missing="$missing dbus"
  if [ "$mode" = test ]; then
    command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
  fi
fi
# shellcheck disable=SC2086
[ -z "$missing" ] || install_packages $missing

groups="--group demo"
[ "$mode" = run ] || groups="--group demo --group dev"
# An environment with the test packages keeps them when it is only run.
[ "$mode" = run ] && [ -x .venv/bin/pytest ] && groups="--group demo --group dev"
# shellcheck disable=SC2086
UV_PYTHON_DOWNLOADS=never "$uv" sync --quiet --frozen --python "$python" $groups || die "the Python packages could not be installed: is PyPI reachable?"
.venv/bin/python -m qixun.assets || die "the web assets could not be built: is the npm registry reachable?"
