import pytest

from sync.documents.reference import CompanySettings
from sync.rules.readings import judge_reading

SETTINGS = CompanySettings(
    id="reference.settings:company",
    version=1,
    company_name="松河演示燃气有限公司",
    emergency_phone="100-0000-0000",
    leak_alarm_ppm=500,
    leak_emergency_ppm=10_000,
    customer_required_fields=(),
)


@pytest.mark.parametrize(
    ("ppm", "gravity"), [(499.9, "normal"), (500, "alarm"), (9_999, "alarm"), (10_000, "emergency")]
)
def test_at_a_limit_counts_as_over_it(ppm: float, gravity: str) -> None:
    assert judge_reading(ppm, SETTINGS) == gravity
