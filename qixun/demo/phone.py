"""A simulated phone, a process of its own: the very work that the screens call, told what to do by lines of JSON.

`python -m qixun.demo.phone --data DIR --server URL` reads `{"do": name, ...arguments}` on standard input and answers
each with one line, `{"ok": result}` or `{"error": code, "zh": ..., "en": ...}`. Its devices are those of QIXUN_GPS,
QIXUN_DETECTOR, QIXUN_TAGS and QIXUN_SCALE.
"""

import argparse
import asyncio
import contextlib
import sys
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from device_bridge.codes import read_codes
from device_bridge.errors import DeviceError
from device_bridge.models import Fix, GasReading, InstrumentInfo, Tag
from mobile_app.deliveries.rounds import Round
from mobile_app.deliveries.work import Delivery, Scanned, fail_visit, load, scan, scan_method
from mobile_app.devices import Devices, DeviceState, probe, tag_reader
from mobile_app.errors import NotReady, WorkError
from mobile_app.hazards.work import LeakProposal, report_hazard, report_leak, report_works
from mobile_app.patrol.work import Patrol
from mobile_app.phone import Phone
from mobile_app.photo_drafts import PhotoDraft
from mobile_app.photos import take_photo, take_signature
from mobile_app.shift.work import shift_check
from mobile_app.syncing import Syncing
from qixun.demo.filling import FillingCommands
from qixun.demo.pictures import signature, street
from sync.documents.deliveries import DeliveryCheckItem, Payment, ReturnedCylinder
from sync.documents.tasks import DeliveryTask, PatrolTask


class DemoPhone(FillingCommands):
    """Every public coroutine is a command; its result is what the answer's `ok` holds."""

    def __init__(self, phone: Phone) -> None:
        self._phone = phone
        self._syncing = Syncing(phone)
        self._devices = Devices(
            phone,
            on_fix=self._take_fix,
            on_reading=self._take_reading,
            on_instrument=self._take_instrument,
            on_state=self._take_state,
        )
        self._fix: Fix | None = None
        self._reading: GasReading | None = None
        self._instrument: InstrumentInfo | None = None
        self._missing: dict[str, str] = {}
        self._patrol: Patrol | None = None
        self._proposals: list[LeakProposal] = []
        self._scans: list[Scanned] = []
        self._round: Round | None = None
        self._photos_taken = 0

    async def sign_in(self, number: str, password: str) -> dict[str, Any]:
        profile = await self._phone.sign_in(number, password)
        self._syncing.start()
        self._devices.start()
        return {"device_id": profile.device_id, "name": profile.staff.name, "staff_id": profile.staff.staff_id}

    async def sync(self) -> str:
        await self._syncing.sync_now()
        return self._syncing.status.state

    async def status(self) -> Any:
        return msgspec.to_builtins(self._syncing.status)

    async def tasks(self) -> Any:
        return [msgspec.to_builtins(line.task) | {"local": line.local} for line in await self._phone.tasks()]

    async def ready_for_patrol(self) -> bool:
        """Pipes of the task, limits and lists are on the phone."""
        task = next(line.task for line in await self._phone.tasks() if isinstance(line.task, PatrolTask))
        pipes = await self._phone.pipes(task.pipe_ids)
        return len(pipes) == len(task.pipe_ids) and await self._has_lists("hazard_type", "machinery")

    async def ready_for_delivery(self) -> bool:
        has_cylinder = await self._phone.cylinder("SH35-0001") is not None
        return has_cylinder and await self._has_lists("delivery_check_item")

    async def _has_lists(self, *names: str) -> bool:
        try:
            await self._phone.settings()
            for name in names:
                await self._phone.lists(name)
        except NotReady:
            return False
        return True

    async def records(self) -> list[dict[str, Any]]:
        return [
            {"id": r.id, "number": r.number, "state": r.state, "code": r.code}
            for r in await self._phone.records(limit=5000)
        ]

    async def photos(self) -> dict[str, int]:
        return await self._phone.photo_counts()

    async def sensors(self) -> dict[str, Any]:
        """What the devices say now, and in what words one that is gone is missed."""
        return {
            "fix": msgspec.to_builtins(self._fix),
            "ppm": self._reading.value_ppm if self._reading else None,
            "instrument": self._instrument.instrument_id if self._instrument else "",
            "missing": self._missing,
        }

    # 巡线

    async def check_shift(self) -> dict[str, str]:
        probes = msgspec.structs.replace(await probe(self._phone, self._devices), battery_percent=86)
        checked = await shift_check(self._phone, probes, started_anyway=True)
        return {item.item: item.result for item in checked.items}

    async def start_patrol(self) -> str:
        tasks = [line.task for line in await self._phone.tasks() if line.open]
        task = next(task for task in tasks if isinstance(task, PatrolTask))
        self._patrol = await Patrol.start(self._phone, task)
        return self._patrol.patrol_id

    async def resume_patrol(self) -> str:
        self._patrol = await Patrol.resume(self._phone)
        return self._patrol.patrol_id if self._patrol else ""

    async def patrol(self) -> dict[str, Any]:
        patrol = self._running()
        return {
            "percent": patrol.coverage.percent,
            "covered_m": patrol.coverage.covered_m,
            "assigned_m": patrol.coverage.assigned_m,
            "unwalked": patrol.coverage.unwalked(),
            "chunks": patrol.chunks,
            "visited": sorted(patrol.visited),
            "proposals": len(self._proposals),
        }

    async def route(self) -> list[Any]:
        """The lines to walk, for the simulated receiver."""
        task = self._patrol.task if self._patrol else None
        found = task or next(t.task for t in await self._phone.tasks() if isinstance(t.task, PatrolTask))
        pipes = await self._phone.pipes(found.pipe_ids)
        return [pipe.line for pipe in pipes.values()]

    async def visit_by_gps(self, point: str) -> str:
        return (await self._running().visit(point, proof="gps")).id

    async def visit_by_qr(self, point: str, picture: str) -> str:
        codes = await asyncio.to_thread(read_codes, await asyncio.to_thread(Path(picture).read_bytes))
        return (await self._running().visit(point, proof="qr", code=codes[0].text)).id

    async def visit_by_tag(self, point: str) -> str:
        tag = await self._tag()
        return (await self._running().visit(point, proof="nfc", code=tag.text, tag_uid=tag.uid)).id

    async def visit_out_of_reach(self, point: str, reason: str) -> str:
        photo = await self._photo("snow")
        return (
            await self._running().visit(point, proof="none", result="unreachable", reason=reason, photos=[photo])
        ).id

    async def leak(self, action: str = "cordoned") -> str:
        """Saves what the last alarm proposed."""
        return (
            await report_leak(
                self._phone,
                self._proposals[-1],
                action=action,
                photos=[await self._photo("leak")],
                address="东门大街 48 号前",
            )
        ).id

    async def hazard(self, hazard_type: str, detail: str = "") -> str:
        photos = [await self._photo("hazard"), await self._photo("hazard")]
        task_id = self._patrol.task.id if self._patrol else ""
        return (
            await report_hazard(
                self._phone,
                hazard_type=hazard_type,
                photos=photos,
                task_id=task_id,
                address="东门大街 48 号对面",
                detail=detail,
            )
        ).id

    async def works(self, machinery: str) -> str:
        task_id = self._patrol.task.id if self._patrol else ""
        photo = await self._photo("works")
        return (
            await report_works(
                self._phone,
                machinery=[machinery],
                photos=[photo],
                task_id=task_id,
                contractor="演示-路桥施工队",
                progress="digging",
                address="东门大街与人民路口",
            )
        ).id

    async def pause(self) -> None:
        await self._running().pause()

    async def go_on(self) -> None:
        await self._running().go_on()

    async def finish_patrol(self, reason: str = "") -> str:
        return (await self._running().finish(unfinished_reason=reason)).id

    # 送气

    async def scan_picture(self, picture: str, purpose: str, task_id: str = "") -> dict[str, Any]:
        codes = await asyncio.to_thread(read_codes, await asyncio.to_thread(Path(picture).read_bytes))
        return await self._scanned(codes[0].text, scan_method(codes[0].symbology), purpose, task_id=task_id)

    async def scan_tag(self, purpose: str, task_id: str = "") -> dict[str, Any]:
        tag = await self._tag()
        return await self._scanned(tag.text, "nfc", purpose, tag_uid=tag.uid, task_id=task_id)

    async def type_number(self, code: str, purpose: str, task_id: str = "") -> dict[str, Any]:
        return await self._scanned(code, "typed", purpose, photo=await self._photo("door"), task_id=task_id)

    async def load(self, station_id: str, vehicle: str) -> str:
        loaded = await load(self._phone, self._scans, station_id=station_id, vehicle=vehicle)
        self._round = await Round.begin(self._phone, loaded)
        return loaded.id

    async def come_back(self, full: list[str], empty: list[str]) -> dict[str, Any]:
        """回站入库: each scanned; what the load list says and nobody found is called out."""
        round_, self._round = self._round, None
        assert round_ is not None
        scans = [(await scan(self._phone, code, "qr", "return"), code in full) for code in (*full, *empty)]
        stored = await round_.store(scans)
        return {"id": stored.id, "missing": list(stored.missing)}

    async def forget_scans(self) -> None:
        self._scans = []

    async def check_customer(self, task_id: str) -> str:
        return (await (await self._delivery(task_id)).check_customer()).code

    async def check_home(self, task_id: str, failed: str = "") -> bool:
        items = []
        for entry in (await self._phone.lists("delivery_check_item")).entries:
            bad = entry.code == failed
            photo = (await self._photo("door")).id if bad else ""
            items.append(DeliveryCheckItem(item=entry.code, result="fail" if bad else "pass", photo=photo))
        return (await (await self._delivery(task_id)).check(items)).passed

    async def exchange(self, task_id: str, returned: str = "") -> None:
        """Delivers what was scanned last; `returned` is the number of an empty taken back."""
        empties = []
        if returned:
            empty = await scan(self._phone, returned, "qr", "return", task_id=task_id)
            empties.append(ReturnedCylinder(scan=empty.scan))
        await (await self._delivery(task_id)).exchange(self._scans, empties)

    async def test_leak(self, task_id: str, reading_ppm: float = 3.0) -> bool:
        delivery, photo = await self._delivery(task_id), await self._photo("leak")
        return await delivery.leak_test(method="instrument", passed=True, reading_ppm=reading_ppm, photo=photo)

    async def sign(self, task_id: str, receiver: str) -> None:
        picture = await take_signature(self._phone, signature(7))
        await (await self._delivery(task_id)).sign(kind="written", receiver=receiver, photo=picture)

    async def complete(self, task_id: str, amount_fen: int) -> str:
        delivery = await self._delivery(task_id)
        return (await delivery.complete(payment=Payment(method="cash", amount_fen=amount_fen))).id

    async def nobody_home(self, task_id: str, next_appointment: str) -> str:
        door, notice = await self._photo("door"), await self._photo("door")
        task = await self._delivery_task(task_id)
        return (
            await fail_visit(
                self._phone,
                task,
                "not_home",
                door=door,
                notice=notice,
                notice_posted=True,
                door_gap_ppm=0.0,
                next_appointment=date.fromisoformat(next_appointment),
            )
        ).id

    # Inside

    async def _take_fix(self, fix: Fix) -> None:
        self._fix = fix
        if self._patrol is not None:
            await self._patrol.take_fix(fix)
        else:
            self._phone.take_fix(fix)
        if self._round is not None:
            await self._round.take_fix(fix)

    async def _take_reading(self, reading: GasReading) -> None:
        self._reading = reading
        if self._patrol is None:
            return
        if self._instrument is not None:
            self._patrol.use_instrument(self._instrument)
        proposal = await self._patrol.take_reading(reading)
        if proposal is not None:
            self._proposals.append(proposal)

    def _take_instrument(self, instrument: InstrumentInfo) -> None:
        self._instrument = instrument

    def _take_state(self, state: DeviceState) -> None:
        self._missing.pop(state.kind, None)
        if not state.connected:
            self._missing[state.kind] = state.error.detail_zh if state.error else "断开"

    async def _tag(self) -> Tag:
        reader = tag_reader(self._phone.data_dir)
        if reader is None:
            raise WorkError("tags.none", "没有读卡器", "There is no tag reader")
        return await reader.read(10)

    def _running(self) -> Patrol:
        if self._patrol is None:
            raise WorkError("patrol.none", "没有正在进行的巡线", "No patrol is running")
        return self._patrol

    async def _photo(self, subject: str) -> PhotoDraft:
        self._photos_taken += 1
        return await take_photo(self._phone, street(subject, self._photos_taken), address="松河县东门大街 48 号")

    async def _scanned(
        self, code: str, method: Any, purpose: Any, *, tag_uid: str = "", photo: Any = None, task_id: str = ""
    ) -> dict[str, Any]:
        found = await scan(self._phone, code, method, purpose, tag_uid=tag_uid, photo=photo, task_id=task_id)
        if found.allowed:
            self._scans.append(found)
        return {"code": found.scan.code, "allowed": found.allowed, "reasons": [r.code for r in found.reasons]}

    async def _delivery_task(self, task_id: str) -> DeliveryTask:
        found = await self._phone.task(task_id)
        if found is None or not isinstance(found.task, DeliveryTask):
            raise WorkError("task.unknown", "手机里没有这个任务", "The phone has no such task")
        return found.task

    async def _delivery(self, task_id: str) -> Delivery:
        return await Delivery.open(self._phone, await self._delivery_task(task_id))

    async def close(self) -> None:
        await self._let_go()
        await self._devices.stop()
        await self._syncing.stop()
        await self._phone.close()


async def _main(data_dir: Path, server: str) -> None:
    phone = DemoPhone(await Phone.open(data_dir, server, name=data_dir.name))
    lines = asyncio.StreamReader(limit=1_000_000)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    with contextlib.suppress(BrokenPipeError):
        print('{"ready":true}', flush=True)
        while line := await lines.readline():
            print((await _answer(phone, line)).decode(), flush=True)
    await phone.close()


async def _answer(phone: DemoPhone, line: bytes) -> bytes:
    command = msgspec.json.decode(line, type=dict[str, Any])
    name = command.pop("do")
    if name.startswith("_") or not hasattr(phone, name):
        return msgspec.json.encode({"error": "command.unknown", "zh": f"没有命令 {name}", "en": f"no command {name}"})
    try:
        return msgspec.json.encode({"ok": await getattr(phone, name)(**command)})
    except WorkError as error:
        return msgspec.json.encode({"error": error.code, "zh": error.zh, "en": error.en})
    except DeviceError as error:
        return msgspec.json.encode({"error": "device", "zh": error.detail_zh, "en": error.detail_en})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--server", required=True)
    given = parser.parse_args()
    asyncio.run(_main(given.data, given.server))
