"""A process that has imported everything and forks the programs of a run, so that starting one costs milliseconds.

`python -m tests.faults.zygote` speaks on standard input, a Unix socket: one JSON request with its file descriptors in,
the pid of the new process out. What it forks is a process like any other: it is killed with SIGKILL, and it
dies with the zygote.
"""

import contextlib
import ctypes
import gc
import json
import mmap
import os
import resource
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.faults import programs

_REQUEST_BYTES = 65_536
_START_S = 120
_STOP_S = 30
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of <sys/prctl.h>


class Zygote:
    """The driver's end."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        self._process = subprocess.Popen([sys.executable, "-m", "tests.faults.zygote"], stdin=theirs.fileno())
        theirs.close()
        self._socket.settimeout(_START_S)
        assert self._socket.recv(16) == b"ready", "the zygote did not start"

    def start(self, program: str, log: Path, **arguments: Any) -> "Program":
        log.parent.mkdir(parents=True, exist_ok=True)
        ours, theirs = socket.socketpair()
        doom = os.memfd_create("doom")
        os.truncate(doom, mmap.PAGESIZE)
        request = {"program": program, "log": str(log), "arguments": arguments}
        with theirs:
            socket.send_fds(self._socket, [json.dumps(request).encode()], [theirs.fileno(), doom])
            pid = int(self._socket.recv(16))
        return Program(program, pid, ours, doom, log)

    def stop(self) -> None:
        self._socket.close()
        self._process.wait(_STOP_S)


class Program:
    """One running process: spoken to by lines of JSON, killed at any point."""

    def __init__(self, name: str, pid: int, connection: socket.socket, doom: int, log: Path) -> None:
        self.name, self.pid, self.log = name, pid, log
        self._handle = os.pidfd_open(pid)
        self._socket = connection
        self._lines = connection.makefile("rwb")
        self._doom = mmap.mmap(doom, mmap.PAGESIZE)
        os.close(doom)

    @property
    def alive(self) -> bool:
        return not self.ended(0)

    def ended(self, seconds: float) -> bool:
        """Whether it has ended, after waiting at most so long for that."""
        return self._handle < 0 or bool(select.select([self._handle], [], [], seconds)[0])

    def tell(self, do: str, **arguments: Any) -> None:
        """Asks for something without waiting; a process that has died in the meantime does not hear it."""
        with contextlib.suppress(OSError):
            self._lines.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
            self._lines.flush()

    def hear(self, seconds: float = 60.0) -> Any:
        """The next answer; None when the process has died."""
        self._socket.settimeout(seconds)
        try:
            line = self._lines.readline()
        except TimeoutError as error:
            raise TimeoutError(f"{self.name} has not answered in {seconds} s, see {self.log}") from error
        except OSError:
            return None
        return json.loads(line) if line else None

    def ask(self, do: str, seconds: float = 60.0, **arguments: Any) -> Any:
        self.tell(do, **arguments)
        return self.hear(seconds)

    def doom(self, ticks: int) -> None:
        """Lets it kill itself just before its so-maniest database statement from now; 0 takes that back."""
        if self._handle >= 0:
            self._doom[:4] = ticks.to_bytes(4, "little")

    def limit_file_size(self, size_bytes: int | None) -> None:
        """Every write beyond so many bytes of a file fails from now on, as on a full disk; None gives space back."""
        with contextlib.suppress(ProcessLookupError):
            hard = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)[1]
            resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (hard if size_bytes is None else size_bytes, hard))

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        if self._handle < 0:
            return
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._handle, signal.SIGKILL)
        self._close()

    def stop(self) -> None:
        """As Ctrl-C or a closed app do; SIGKILL if that does not help."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._handle, signal.SIGINT)
        self.ended(_STOP_S)
        self.kill()

    def _close(self) -> None:
        assert self.ended(_STOP_S), f"{self.name} survived SIGKILL"
        with contextlib.suppress(OSError):
            self._lines.close()
        self._socket.close()
        self._doom.close()
        os.close(self._handle)
        self._handle = -1


def _fork(request: dict[str, Any], control: int, doom: int, parent: socket.socket) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        parent.close()
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        programs.run(request["program"], request["arguments"], socket.socket(fileno=control), mmap.mmap(doom, 0))
        status = 0
    except SystemExit as stopped:
        status = stopped.code if isinstance(stopped.code, int) else 1
        if not isinstance(stopped.code, int):
            sys.stderr.write(f"{stopped.code}\n")
    except KeyboardInterrupt:
        status = 130
    except BaseException:  # noqa: BLE001 - the process's last word
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _main() -> None:
    connection = socket.socket(fileno=os.dup(0))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks for the status of what was killed
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's, which closes the socket
    programs.load()
    gc.freeze()
    connection.sendall(b"ready")
    while True:
        request, files, _, _ = socket.recv_fds(connection, _REQUEST_BYTES, 2)
        if not request:
            os._exit(0)  # nobody waits for a hundred libraries to be taken apart
        control, doom = files
        pid = _fork(json.loads(request), control, doom, connection)
        os.close(control)
        os.close(doom)
        connection.sendall(str(pid).encode())


if __name__ == "__main__":
    _main()
