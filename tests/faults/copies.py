"""Copies of hub, database and phones, taken while the town lives, and put back."""

import shutil
from pathlib import Path

from tests.faults.draws import PHONES
from tests.faults.world import World


class Copies:
    def __init__(self, world: World) -> None:
        self._world = world
        self._turns = {"hub": 0, "postgres": 0, **{f"phone{n}": 0 for n in range(PHONES)}}

    def copy(self, name: str) -> None:
        turn = self._turns[name]
        if name == "postgres":
            self._world.postgres.copy(self._world.database, f"{self._world.database}_{turn}")
        else:
            target = self._copied(name, turn)
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(self._original(name), target)
        self._turns[name] = turn + 1

    def put_back(self, name: str, copy: str) -> None:
        turn = self._turns[name] - 1 if copy == "latest" else 0
        if name == "postgres":
            self._world.postgres.copy(f"{self._world.database}_{turn}", self._world.database)
        else:
            shutil.rmtree(self._original(name))
            shutil.copytree(self._copied(name, turn), self._original(name))

    def _original(self, name: str) -> Path:
        return self._world.hub_data if name == "hub" else self._world.phone_data(int(name.removeprefix("phone")))

    def _copied(self, name: str, turn: int) -> Path:
        return self._world.folder / "copies" / f"{name}-{turn}"

    def keep(self) -> None:
        """A copy of everything, to be put back."""
        for name in self._turns:
            self.copy(name)

    def put_all_back(self) -> None:
        for name in self._turns:
            self.put_back(name, "latest")

    def drop(self) -> None:
        for turn in range(self._turns["postgres"]):
            self._world.postgres.drop(f"{self._world.database}_{turn}")
