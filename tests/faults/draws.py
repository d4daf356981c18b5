"""What happens in one seed: every step with all its particulars, drawn before the first of them is taken."""

import random
from collections.abc import Sequence
from typing import Any

Step = dict[str, Any]

PHONES = 3
_NOTES = ("", "阀井盖破损", "路面开裂，" * 150, "🚧 雪", "line\nline")
# How often each kind is drawn beside the ones that a seed must have.
_WEIGHTS = {
    "record": 14,
    "guard": 2,
    "sync": 3,
    "cut": 3,
    "restore": 3,
    "slow": 2,
    "break": 4,
    "twice": 3,
    "hold": 3,
    "portal": 1,
    "kill": 6,
    "full": 2,
    "space": 2,
    "clock": 2,
    "reboot": 1,
    "oversleep": 2,
    "copy_hub": 1,
    "copy_postgres": 1,
    "copy_phone": 1,
    "old_hub": 2,
    "old_postgres": 1,
    "old_phone": 1,
    "nul": 1,
    "giant": 1,
    "foreign": 1,
    "forge": 1,
    "edit": 1,
    "delete": 1,
}
# Each seed has three of these, by turns, so that a few seeds already see every fault.
FAULTS = tuple(kind for kind in _WEIGHTS if kind not in {"record", "guard", "sync", "restore", "space"})
_MUST = 3
_STEPS = (12, 22)
_SERVERS = ("hub", "worker", "office", "postgres", "all")


def draw(seed: int) -> list[Step]:
    draws = random.Random(seed)
    count = draws.randint(*_STEPS)
    must = [FAULTS[(seed * _MUST + turn) % len(FAULTS)] for turn in range(_MUST)]
    kinds = [*must, *draws.choices(list(_WEIGHTS), list(_WEIGHTS.values()), k=count - _MUST)]
    draws.shuffle(kinds)
    # A fault with nothing under way tests nothing.
    steps = [_step(draws, kind) for kind in ("record", "record", *kinds)]
    return [{**step, "pause_s": round(draws.choice((0, 0, 0.02, 0.1, 0.25)), 2)} for step in steps]


def healing(seed: int) -> Step:
    """How the town is brought in order: whether the worker is begun anew, and who takes a last photo."""
    draws = random.Random(-seed)
    return {"worker_anew": draws.random() < 0.5, "photo_by": [n for n in range(PHONES) if draws.random() < 0.5]}


def _step(draws: random.Random, kind: str) -> Step:
    step: Step = {"do": kind}
    if kind not in {"copy_hub", "copy_postgres", "old_postgres"}:
        step["phone"] = draws.randrange(PHONES)
    return step | _PARTICULARS.get(kind, _nothing)(draws)


def _nothing(_: random.Random) -> Step:
    return {}


def _record(draws: random.Random) -> Step:
    photos = [(draws.choice((-60, 60, 90, 320)), draws.getrandbits(32)) for _ in range(draws.choice((0, 0, 0, 1, 2)))]
    return {
        "kind": draws.choice(("hazard", "hazard", "works")),
        "note": draws.choice(_NOTES),
        "photos": photos,
        "count": draws.choice((1, 1, 2, 5)),
        # Whether the next step comes while it is still being saved.
        "wait": draws.random() < 0.6,
    }


def _kill(draws: random.Random) -> Step:
    who = draws.choice(("phone", "phone", *_SERVERS))
    return {
        "who": who,
        # At once, or just before that statement from now: between any two writes of a store or a transaction.
        "ticks": draws.choice((0, draws.randint(1, 12), draws.randint(1, 60))) if who != "postgres" else 0,
        "busy": draws.random() < 0.7,
        "down_for": draws.choice((0, 0, 1, 3)),
        "which": draws.random(),
    }


def _old_hub(draws: random.Random) -> Step:
    # More is written than was lost before intake looks again: sequences alone would hide it.
    return {"more": draws.choice((0, 0, 3, 8)), "copy": draws.choice(("latest", "first"))}


_PARTICULARS = {
    "record": _record,
    "guard": lambda draws: {"which": draws.random()},
    "slow": lambda draws: {"bytes_per_s": draws.choice((3_000, 20_000, 100_000))},
    "break": lambda draws: {"way": draws.choice(("up", "down")), "after": draws.choice((1, 300, 900, 3_000, 40_000))},
    "twice": lambda draws: {"delays_s": [round(draws.uniform(0, 1.5), 2) for _ in range(draws.randint(1, 4))]},
    "hold": lambda draws: {"delays_s": [round(draws.uniform(0.1, 2), 2) for _ in range(draws.randint(1, 3))]},
    "portal": lambda draws: {
        "status": draws.choice((200, 302, 401, 403, 404, 500, 502, 503)),
        "kind": draws.choice(("html", "json")),
    },
    "kill": _kill,
    "full": lambda draws: {"who": draws.choice(("phone", "hub")), "share": draws.choice((0.0, 0.5, 1.0, 1.1))},
    "clock": lambda draws: {"shift_s": draws.choice((-400 * 86_400, -3_600, -90, 90, 3_600, 100 * 86_400))},
    "reboot": lambda draws: {"shift_s": draws.choice((0, -3_600, 3_600, 100 * 86_400))},
    "old_hub": _old_hub,
    "old_postgres": lambda draws: {"copy": draws.choice(("latest", "first"))},
    "old_phone": lambda draws: {"copy": draws.choice(("latest", "first"))},
    "giant": lambda _: {"size_bytes": 9_000_000},
    "foreign": lambda draws: {"which": draws.random(), "rev": f"1-{draws.getrandbits(128):032x}"},
    "forge": lambda draws: {
        "what": draws.choice(("receipt", "task", "overwritten receipt")),
        "which": draws.random(),
        "state": draws.choice(("accepted", "refused")),
        "key": f"{draws.getrandbits(48):012x}",
    },
    "edit": lambda draws: {"which": draws.random()},
    "delete": lambda draws: {"which": draws.random()},
}


def shown(steps: Sequence[Step]) -> str:
    def line(number: int, step: Step) -> str:
        rest = " ".join(f"{name}={_brief(value)}" for name, value in step.items() if name not in {"do", "pause_s"})
        return f"  {number:2} {step['do']:<13} {rest}"

    return "\n".join(line(number, step) for number, step in enumerate(steps, start=1))


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 else f"{text[:20]}...{len(text)}"
