"""`bootstrap.sh` on machines that lack something: one sentence, nothing half done."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_SCRIPT = Path(__file__).parents[2] / "bootstrap.sh"
# What every machine has.
_BASIC = ("sh", "dirname", "id", "uname", "sed", "head", "tee", "mkdir", "env", "rm")


class Machine:
    """A folder with the script, and the only programs that it finds; the real ones are out of its sight."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs = folder / "bin"
        self.programs.mkdir(parents=True)
        shutil.copy(_SCRIPT, folder / "bootstrap.sh")
        for name in _BASIC:
            (self.programs / name).symlink_to(shutil.which(name) or f"/bin/{name}")

    def has(self, name: str, script: str) -> None:
        (self.programs / name).unlink(missing_ok=True)
        (self.programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.programs / name).chmod(0o755)

    def has_python(self) -> None:
        self.has("python3", f'exec "{sys.executable}" "$@"')

    def bootstrap(self, mode: str = "run") -> tuple[int, list[str]]:
        """The exit status, and what was said on standard error."""
        done = subprocess.run(
            ["sh", str(self.folder / "bootstrap.sh"), mode],
            env={"PATH": str(self.programs), "HOME": os.environ["HOME"]},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return done.returncode, done.stderr.splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


class TestBootstrap:
    def test_without_python_and_package_manager_it_names_what_to_install(self, machine: Machine) -> None:
        status, said = machine.bootstrap()
        assert (status, len(said)) == (1, 1)
        assert "neither apt-get nor brew is here; install by hand: python3 python3-venv" in said[0]

    def test_an_old_python_is_told(self, machine: Machine) -> None:
        machine.has("python3", 'case $1 in -V) echo "Python 3.9.2" ;; *) exit 1 ;; esac')
        status, said = machine.bootstrap()
        assert (status, len(said)) == (1, 1)
        assert "Python 3.11 or later is needed, this is Python 3.9.2" in said[0]

    def test_an_ordinary_user_without_sudo_is_told(self, machine: Machine) -> None:
        machine.has("id", "echo 1000")
        machine.has("apt-get", 'echo "apt-get was run" >&2')
        status, said = machine.bootstrap()
        assert status == 1
        assert "run as root, or install sudo" in said[-1]
        assert "apt-get was run" not in said

    def test_an_ordinary_user_installs_by_sudo(self, machine: Machine) -> None:
        machine.has("id", "echo 1000")
        machine.has("sudo", 'echo "sudo $*" >&2; exec "$@"')
        machine.has("apt-get", "exit 0")
        _, said = machine.bootstrap()
        assert "sudo apt-get update -qq" in said
        assert any(line.endswith("--no-install-recommends python3 python3-venv") for line in said)

    def test_package_lists_out_of_reach_are_told(self, machine: Machine) -> None:
        machine.has("id", "echo 0")
        machine.has("apt-get", "exit 100")
        status, said = machine.bootstrap()
        assert status == 1
        assert "is the network up?" in said[-1]

    def test_python_packages_out_of_reach_are_told(self, machine: Machine) -> None:
        machine.has_python()
        machine.has("dbus-daemon", "exit 0")
        machine.has("chromium", "exit 0")
        machine.has("uv", "echo 'error: Failed to fetch' >&2; exit 2")
        status, said = machine.bootstrap("test")
        assert status == 1
        assert said[0] == "error: Failed to fetch"
        assert "is PyPI reachable" in said[1]

    def test_where_nothing_is_missing_no_package_manager_is_asked(self, machine: Machine) -> None:
        machine.has_python()
        machine.has("dbus-daemon", "exit 0")
        machine.has("chromium", "exit 0")
        machine.has("apt-get", 'echo "apt-get was run" >&2; exit 1')
        machine.has("uv", "exit 0")
        python = machine.folder / ".venv" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text("#!/bin/sh\nexit 0\n")
        python.chmod(0o755)
        assert machine.bootstrap("test") == (0, [])
