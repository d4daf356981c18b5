"""A private D-Bus on which a simulated BlueZ can live: the machine's own bus and Bluetooth stay untouched."""

import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1
# Type "system" because that is the bus on which bleak looks for BlueZ; whoever runs it owns it.
CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={folder}/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/></policy></busconfig>"""


@contextmanager
def private_bus() -> Iterator[str]:
    """Runs a dbus-daemon for the time of the block and gives its address. Raises RuntimeError without one."""
    program = shutil.which("dbus-daemon")
    if program is None:
        raise RuntimeError("dbus-daemon is not installed (Debian, Ubuntu: apt-get install dbus)")
    with tempfile.TemporaryDirectory(prefix="qixun-bus-") as folder:
        configuration = Path(folder, "bus.conf")
        configuration.write_text(CONFIGURATION.format(folder=folder), encoding="ascii")
        complaints = Path(folder, "stderr")
        with complaints.open("wb") as stderr:
            daemon = _start(program, configuration, stderr)
        assert daemon.stdout is not None
        try:
            # The address is printed once the bus listens.
            if not daemon.stdout.readline():
                raise RuntimeError(f"dbus-daemon did not start: {complaints.read_text().strip()}")
            yield f"unix:path={folder}/bus"
        finally:
            daemon.terminate()
            daemon.wait(5)
            daemon.stdout.close()


def _start(program: str, configuration: Path, stderr: IO[bytes]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603 - our own configuration file
        [program, f"--config-file={configuration}", "--nofork", "--nopidfile", "--print-address=1"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        preexec_fn=_end_with_parent,  # noqa: PLW1509 - called before any thread is started
    )


def _end_with_parent() -> None:
    # Linux: a simulator that is killed outright takes its bus along. A new session keeps Ctrl-C for the simulator,
    # which then ends the bus in order.
    os.setsid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
