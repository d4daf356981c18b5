"""The share of the seeds that fits into every run; `python -m tests.faults --seeds 200` runs as many as wanted."""

import pytest

from tests.faults.draws import FAULTS, draw
from tests.faults.running import Town, run_seed

SEEDS = range(1, 10)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_whatever_fails(town: Town, seed: int) -> None:
    run_seed(town, seed)


def test_these_seeds_have_every_kind_of_fault() -> None:
    drawn = {step["do"] for seed in SEEDS for step in draw(seed)}
    assert drawn >= set(FAULTS)


def test_a_seed_always_draws_the_same_steps() -> None:
    assert draw(7) == draw(7)
    assert draw(7) != draw(8)
