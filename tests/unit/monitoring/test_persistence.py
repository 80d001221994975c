from datetime import UTC, datetime, timedelta

import pytest

from visionml.contracts.monitoring import DriftReport, WindowFacts
from visionml.errors import InvalidInput
from visionml.monitoring.persistence import persistence

BEGIN = datetime(2026, 11, 20, tzinfo=UTC)


def reports(states: str) -> list[DriftReport]:
    """Return hourly reports: ``d`` drifted, ``o`` ok, ``n`` not tested."""
    return [
        DriftReport(
            report_id=f"r{hour}",
            time=BEGIN + timedelta(hours=hour),
            model_version="v-1",
            variant="ModelA",
            state={"d": "drifted", "o": "ok", "n": "not_enough_data"}[state],  # type: ignore[arg-type]
            reason="",
            drifted=state == "d",
            threshold=None if state == "n" else 2.6,
            window=WindowFacts(begin=None, end=None, samples=0),
        )
        for hour, state in enumerate(states)
    ]


@pytest.mark.parametrize(
    ("states", "alarm", "since", "untested"),
    [
        ("", False, None, 0),
        ("ood", False, 2, 0),
        ("oodd", True, 2, 0),
        ("odod", True, 1, 0),
        ("ddoo", False, 0, 0),
        ("ddooo", False, None, 0),
        ("dddddd", True, 0, 0),
        ("dooodd", True, 4, 0),
        ("ddnn", True, 0, 2),
        ("nnn", False, None, 3),
        ("odnd", True, 1, 0),
    ],
)
def test_two_of_three_are_an_alarm(
    states: str, alarm: bool, since: int | None, untested: int
) -> None:
    found = persistence(reversed(reports(states)), needed=2, of=3)
    assert found.alarm is alarm
    assert found.since == (None if since is None else BEGIN + timedelta(hours=since))
    assert found.untested == untested


def test_more_than_all_cannot_be_needed() -> None:
    with pytest.raises(InvalidInput, match="4 of 3"):
        persistence([], needed=4, of=3)
