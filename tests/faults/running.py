"""Seeds, one after the other, each in a new copy of the same town."""

import contextlib
import os
import shutil
import sqlite3
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from tests.faults.draws import Step, draw, healing, shown
from tests.faults.playing import Player
from tests.faults.world import Founded, Postgres, World
from tests.faults.zygote import Zygote


class Town:
    """What the seeds of one run share: the programs in memory, PostgreSQL, and the founded town to copy."""

    def __init__(self, folder: Path | None = None) -> None:
        self._own = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="qixun-faults-"))

    def __enter__(self) -> Self:
        self._stack = contextlib.ExitStack()
        # The cluster is kept from run to run: making one takes longer than a seed.
        self.postgres = Postgres(Path(tempfile.gettempdir()) / f"qixun-faults-{os.getuid()}")
        self._stack.callback(self.postgres.stop)
        self.zygote = Zygote()
        self._stack.callback(self.zygote.stop)
        self._name = f"faults_{os.getpid()}"
        self._founded = Founded(self.folder / "founded", self.zygote, self.postgres, self._name)
        self._stack.callback(self.postgres.drop, self._name)
        self._stack.callback(self._founded.stop)
        try:
            self._founded.found()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()
        if self._own and error is None and not any(self.folder.glob("seed-*")):  # a seed that failed leaves its files
            shutil.rmtree(self.folder, ignore_errors=True)

    def world(self, seed: int) -> World:
        return self._founded.copy(self.folder / f"seed-{seed}", f"{self._name}_seed")


class Failed(Exception):  # noqa: N818 - a seed that did is what it names
    """A seed after which something was not as it must be."""


def run_seed(town: Town, seed: int, steps: list[Step] | None = None) -> float:
    """How many seconds it took; raises `Failed` with all that is needed to run it again."""
    steps = draw(seed) if steps is None else steps
    started = time.monotonic()
    world = town.world(seed)
    player = Player(world)
    try:
        player.start()
        player.play(steps)
        player.heal(**healing(seed))
        if found := player.findings():
            raise Failed(_told(seed, steps, found, world.folder))
    except (AssertionError, OSError, psycopg.Error, sqlite3.Error) as error:
        raise Failed(_told(seed, steps, [f"{type(error).__name__}: {error}"], world.folder)) from error
    finally:
        world.stop()
        player.copies.drop()
        town.postgres.drop(world.database)
    shutil.rmtree(world.folder, ignore_errors=True)
    return time.monotonic() - started


def _told(seed: int, steps: list[Step], found: list[str], folder: Path) -> str:
    return "\n".join(
        [
            f"seed {seed}: {len(found)} findings",
            *(f"  - {sentence}" for sentence in found[:40]),
            "the steps drawn:",
            shown(steps),
            f"once more: .venv/bin/python -m tests.faults --from {seed} --seeds 1",
            f"files and logs: {folder}",
        ]
    )
