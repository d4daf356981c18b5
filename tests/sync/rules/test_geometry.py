import pytest
from pyproj import Geod

from sync.rules.geometry import Plane, distance_m, line_length_m, nearest_pipe

ELLIPSOID = Geod(ellps="GRS80")


class TestDistance:
    @pytest.mark.parametrize(("lon", "lat"), [(126.51, 43.8), (126.5, 43.9), (126.6, 43.7)])
    def test_agrees_with_the_ellipsoid(self, lon: float, lat: float) -> None:
        _, _, true_m = ELLIPSOID.inv(126.5, 43.8, lon, lat)
        assert distance_m(126.5, 43.8, lon, lat) == pytest.approx(true_m, rel=3e-4)

    def test_length_of_a_line_agrees_with_the_ellipsoid(self) -> None:
        line = [(126.5, 43.8), (126.51, 43.81), (126.53, 43.805)]
        true_m = ELLIPSOID.line_length([p[0] for p in line], [p[1] for p in line])
        assert line_length_m(line) == pytest.approx(true_m, rel=3e-4)


PLANE = Plane.at(126.5, 43.8)
LINES = {
    "far": [PLANE.degrees(-500, 60), PLANE.degrees(500, 60)],
    "near": [PLANE.degrees(-500, 12), PLANE.degrees(500, 12)],
}


class TestNearestPipe:
    def test_names_the_nearest_and_its_distance(self) -> None:
        found = nearest_pipe(LINES, 126.5, 43.8, within_m=100)
        assert found is not None
        assert (found.pipe_id, found.distance_m) == ("near", pytest.approx(12, abs=0.01))

    def test_nothing_within_reach(self) -> None:
        assert nearest_pipe(LINES, 126.5, 43.8, within_m=10) is None
