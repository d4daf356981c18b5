import pytest

from sync.replication.pace import REQUEST_S, SMALLEST_BYTES, Pace

MOST = 1_000_000


class TestPace:
    def test_begins_with_the_most(self) -> None:
        assert Pace(MOST).batch_bytes == MOST

    def test_a_slow_answer_leaves_what_the_link_carries_in_the_time_of_a_request(self) -> None:
        pace = Pace(MOST)
        pace.carried(500_000, seconds=20)
        assert pace.batch_bytes == 25_000 * REQUEST_S

    def test_a_quick_answer_doubles_up_to_the_most(self) -> None:
        pace = Pace(MOST)
        pace.carried(MOST, seconds=10)
        sizes = [pace.batch_bytes]
        for _ in range(3):
            pace.carried(sizes[-1], seconds=0.5)
            sizes.append(pace.batch_bytes)
        assert sizes == [400_000, 800_000, MOST, MOST]

    def test_a_small_request_on_a_link_of_long_delays_does_not_shrink_it(self) -> None:
        pace = Pace(MOST)
        pace.carried(1_000, seconds=3)
        assert pace.batch_bytes == MOST

    def test_breaks_halve_it_to_the_least(self) -> None:
        pace = Pace(MOST)
        pace.broke()
        assert pace.batch_bytes == MOST / 2
        for _ in range(20):
            pace.broke()
        assert pace.batch_bytes == SMALLEST_BYTES

    @pytest.mark.parametrize("seconds", [0.001, 60])
    def test_never_grows_above_what_it_began_with(self, seconds: float) -> None:
        pace = Pace(5_000)
        pace.carried(5_000, seconds)
        pace.broke()
        assert pace.batch_bytes == 5_000
