"""Takes the drawn steps in one town, one after the other, while everything in it goes on by itself."""

import contextlib
import os
import signal
import time
from typing import Any

from tests.faults.checker import check
from tests.faults.copies import Copies
from tests.faults.dishonest import Dishonest
from tests.faults.draws import PHONES, Step
from tests.faults.evidence import gather
from tests.faults.hub import ADMIN
from tests.faults.ledger import files_in, one_of
from tests.faults.world import World, until
from tests.faults.zygote import Program

# Long enough for the sweep that finds by itself what every hint has missed.
HEALED_S = float(os.environ.get("P6_HEAL", "150"))
_LOOK_S = 0.25
_WAKE_S = 5.0
_ANSWER_S = 60.0


class Player(Dishonest):
    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._due: list[tuple[int, str, int]] = []
        self._owed = [0] * PHONES
        self._open = [False] * PHONES
        self.copies = Copies(world)

    # From the first step to the last finding

    def start(self) -> None:
        """The whole town as it was when it was founded; that is also the first copy of everything."""
        world = self._world
        self.copies.keep()
        world.start_servers()
        for number in range(PHONES):
            world.start_link()
            self._phone(number)

    def play(self, steps: list[Step]) -> None:
        for self._number, step in enumerate(steps, start=1):
            arguments = {name: value for name, value in step.items() if name not in {"do", "pause_s"}}
            getattr(self, f"_do_{step['do']}")(**arguments)
            time.sleep(step["pause_s"])
            self._restart_due()

    def heal(self, *, worker_anew: bool, photo_by: list[int]) -> None:
        world = self._world
        for link in world.links:
            link.ask("calm")
            link.ask("restore")
        for program in (*world.phones, world.hub, world.worker, world.office):
            if program is not None and program.alive:
                program.doom(0)
                program.limit_file_size(None)
        until(world.postgres.answers, "PostgreSQL to answer")
        if worker_anew:
            world.kill(world.worker)
        world.start_servers()
        for number in range(PHONES):
            until(lambda n=number: self._phone(n), f"phone {number} to start")
            photos = [(60, self._number * 100 + number)] if number in photo_by else []
            self._ask(number, "record", kind="hazard", note="last", photos=photos)
        self._note()

    def findings(self) -> list[str]:
        """What is wrong when it has had time to come right: empty as soon as nothing is."""
        deadline, wake_at = time.monotonic() + HEALED_S, 0.0
        while True:
            if time.monotonic() > wake_at:
                for number in range(PHONES):
                    self._ask(number, "wake")
                wake_at = time.monotonic() + _WAKE_S
            found = self.check()
            if not found or time.monotonic() > deadline:
                return found
            time.sleep(_LOOK_S)

    def check(self) -> list[str]:
        world = self._world
        return check(gather(world.folder, world.hub_url, ADMIN, world.url))

    # A worker's day

    def _do_record(self, phone: int, kind: str, note: str, photos: list[Any], count: int, *, wait: bool) -> None:
        for turn in range(count):
            pictures = [(size, seed + turn) for size, seed in photos]
            self._tell(phone, "record", kind=kind, note=note, photos=pictures)
        if wait:
            self._settle(phone)

    def _do_guard(self, phone: int, which: float) -> None:
        """A report about works that somebody has found, perhaps one that is not in the office yet."""
        works = [entry for entry in self._journaled() if entry["id"].startswith("works.") and _found(entry)]
        if works:
            self._tell(phone, "record", kind="works", about=one_of(works, which)["id"])

    def _do_sync(self, phone: int) -> None:
        self._tell(phone, "wake")

    def _do_clock(self, phone: int, shift_s: float) -> None:
        self._world.shifts[phone] = shift_s
        self._tell(phone, "clock", shift_s=shift_s)

    def _do_reboot(self, phone: int, shift_s: float) -> None:
        """The trusted time is gone, and the clock is wrong."""
        self._end(phone)
        self._world.boots[phone] += 1
        self._world.shifts[phone] = shift_s
        self._phone(phone)

    def _do_oversleep(self, phone: int) -> None:
        self._tell(phone, "oversleep")

    def _do_nul(self, phone: int) -> None:
        self._tell(phone, "record", kind="hazard", note="before\0after")

    def _do_giant(self, phone: int, size_bytes: int) -> None:
        self._tell(phone, "giant", size_bytes=size_bytes)

    # The network

    def _do_cut(self, phone: int) -> None:
        self._world.links[phone].ask("cut")

    def _do_restore(self, phone: int) -> None:
        link = self._world.links[phone]
        link.ask("calm")
        link.ask("restore")
        self._tell(phone, "wake")

    def _do_slow(self, phone: int, bytes_per_s: float) -> None:
        self._world.links[phone].ask("slow", bytes_per_s=bytes_per_s)

    def _do_break(self, phone: int, way: str, after: int) -> None:
        self._world.links[phone].ask("break_after", way=way, count=after)

    def _do_twice(self, phone: int, delays_s: list[float]) -> None:
        self._world.links[phone].ask("twice", delays_s=delays_s)

    def _do_hold(self, phone: int, delays_s: list[float]) -> None:
        self._world.links[phone].ask("hold", delays_s=delays_s)

    def _do_portal(self, phone: int, status: int, kind: str) -> None:
        self._world.links[phone].ask("portal", status=status, kind=kind)

    # Killed, full, put back

    def _do_kill(self, who: str, phone: int, ticks: int, down_for: int, which: float, *, busy: bool) -> None:
        if busy:
            self._tell(phone, "record", kind="hazard", photos=[(60, int(which * 2**32))])
            self._tell(phone, "record", kind="works")
        if who == "postgres":
            self._crash_postgres(which)
            return
        names = ["hub", "worker", "office"] if who == "all" else [who]
        for name in names:
            program = self._world.phones[phone] if name == "phone" else getattr(self._world, name)
            if program is None or not program.alive:
                continue
            if ticks:
                program.doom(ticks)
            elif name == "phone":
                self._end(phone)
            else:
                program.kill()
            self._due.append((self._number + down_for, name, phone))

    def _crash_postgres(self, which: float) -> None:
        """One of its processes dies by SIGKILL: PostgreSQL ends all sessions and recovers from its log."""
        pids = self._world.postgres.backends(self._world.database)
        if pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one_of(pids, which), signal.SIGKILL)
        until(self._world.postgres.answers, "PostgreSQL to recover")

    def _do_full(self, who: str, phone: int, share: float) -> None:
        """No file grows beyond a share of what is the largest now; the last one that fits may be cut off anywhere."""
        folder = self._world.phone_data(phone) if who == "phone" else self._world.hub_data
        program = self._running(phone) if who == "phone" else self._world.hub
        if program is not None and program.alive:
            largest = max((path.stat().st_size for path in files_in(folder)), default=0)
            program.limit_file_size(int(largest * share))

    def _do_space(self, phone: int) -> None:
        for program in (self._world.phones[phone], self._world.hub):
            if program is not None and program.alive:
                program.limit_file_size(None)

    def _do_copy_hub(self) -> None:
        self._down("hub")
        self.copies.copy("hub")
        self._world.start_hub()

    def _do_copy_postgres(self) -> None:
        self.copies.copy("postgres")

    def _do_copy_phone(self, phone: int) -> None:
        self._end(phone)
        self.copies.copy(f"phone{phone}")
        self._phone(phone)

    def _do_old_hub(self, phone: int, more: int, copy: str) -> None:
        if more:
            self._down("worker")
        self._down("hub")
        self.copies.put_back("hub", copy)
        self._ledger["hub_put_back"] = True
        self._survey()
        self._world.start_hub()
        if not more:
            return
        for _ in range(more):
            self._tell(phone, "record", kind="hazard")
        self._tell(phone, "wake")
        self._settle(phone)
        time.sleep(0.3)
        self._world.start_worker()

    def _do_old_postgres(self, copy: str) -> None:
        """The servers run on, with all that they keep in memory."""
        self.copies.put_back("postgres", copy)
        self._survey()

    def _do_old_phone(self, phone: int, copy: str) -> None:
        self._end(phone)
        self.copies.put_back(f"phone{phone}", copy)
        self._survey()
        self._ledger["restored"].append(self._world.people[phone]["device_id"])
        self._phone(phone)

    # Phones

    def _phone(self, number: int) -> bool:
        """Running and signed in; False where it died at its start (it was doomed) or a portal keeps it out."""
        program = self._world.phones[number]
        if program is not None and program.alive and self._open[number]:
            return True
        self._owed[number] = 0
        self._open[number] = self._world.start_phone(number)
        return self._open[number]

    def _running(self, number: int) -> Program | None:
        return self._world.phones[number] if self._phone(number) else None

    def _tell(self, number: int, do: str, **arguments: Any) -> None:
        if (program := self._running(number)) is not None:
            program.tell(do, **arguments)
            self._owed[number] += 1

    def _settle(self, number: int) -> Any:
        """Waits for all that the phone was told; the last answer, None where it died over it."""
        answer, program = None, self._world.phones[number]
        while program is not None and self._owed[number]:
            answer = program.hear(_ANSWER_S)
            self._owed[number] = self._owed[number] - 1 if answer is not None else 0
        return answer

    def _ask(self, number: int, do: str, **arguments: Any) -> Any:
        self._tell(number, do, **arguments)
        return self._settle(number)

    def _end(self, number: int) -> None:
        self._world.kill(self._world.phones[number])
        self._owed[number] = 0

    # Servers

    def _down(self, name: str) -> None:
        self._world.kill(getattr(self._world, name))

    def _restart_due(self) -> None:
        """What was killed comes back some steps later; what doom has not met yet runs on."""
        left = []
        for at, name, phone in self._due:
            program = self._world.phones[phone] if name == "phone" else getattr(self._world, name)
            if at > self._number or (program is not None and program.alive):
                left.append((at, name, phone))
            elif name == "phone":
                self._phone(phone)
            else:
                getattr(self._world, f"start_{name}")()
        self._due = [each for each in left if each[0] > self._number - 10]

    def put_all_back(self) -> None:
        self._down("hub")
        self.copies.put_all_back()
        self._world.start_hub()


def _found(entry: dict[str, Any]) -> bool:
    return bool(entry["body"].get("kind", "found") == "found")
