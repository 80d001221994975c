"""The picture of a rollout."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from visionml.errors import NotFound
from visionml.plots import rollout

ZERO = datetime(2026, 1, 1, tzinfo=UTC)
COLUMNS = ["sent", "version", "variant", "right", "latency_ms", "error"]


def at(second: float) -> datetime:
    return ZERO + timedelta(seconds=second)


def requests() -> pd.DataFrame:
    """Four a second: the new version has two of them from 2 s to 4 s, and fails once."""
    rows = []
    for quarter in range(24):
        new = 8 <= quarter < 16 and quarter % 2 == 0
        failed = quarter == 14
        version = "" if failed else "new" if new else "old"
        rows.append((at(quarter / 4), version, "ModelA", not new, 9.0, "No." if failed else ""))
    return pd.DataFrame(rows, columns=COLUMNS)


ALARMS = pd.DataFrame(
    [("rollback-errors-a", at(3.6), at(5)), ("rollback-probes", pd.NaT, pd.NaT)],
    columns=["alarm", "began", "ended"],
)


def test_a_rollout_shows_who_answered_what_failed_and_which_alarm_rang() -> None:
    drawn = rollout.timeline(
        requests(),
        alarms=ALARMS,
        marks={"shift": at(2), "alarm": at(3.6), "back": at(3.7)},
        names={"old": "good", "new": "bad"},
    )
    traffic, errors, latency, ringing = drawn.figure.axes
    stacked = {patch.get_label(): patch.get_data() for patch in traffic.patches}  # type: ignore[attr-defined]
    assert set(stacked) == {"good", "bad", "failed"}
    assert stacked["good"].values.tolist() == [4, 4, 2, 2, 4]
    assert stacked["bad"].values.tolist() == [4, 4, 4, 3, 4]
    assert stacked["failed"].values.tolist() == [4, 4, 4, 4, 4]
    failed, wrong = (
        [int(bar.get_height()) for bar in bars] for bars in np.split(np.array(errors.patches), 2)
    )
    assert (failed, wrong) == ([0, 0, 0, 1, 0, 0], [0, 0, 2, 1, 0, 0])
    assert latency.get_yscale() == "log"
    assert [tick.get_text() for tick in ringing.get_yticklabels()] == list(ALARMS["alarm"])
    (band,) = ringing.collections[0].get_paths()
    assert band.get_extents().bounds == pytest.approx((3.6, -0.3, 1.4, 0.6))
    assert [text.get_text() for text in traffic.texts] == ["shift", "alarm, back"]
    assert drawn.description == (
        "24 requests in 6 s, answered: 20 by good, 3 by bad; 1 failed. In alarm: rollback-errors-a."
    )
    assert drawn.png(dots_per_inch=60).startswith(b"\x89PNG")


def test_a_quiet_promotion_is_drawn_too() -> None:
    drawn = rollout.timeline(requests()[:8], alarms=ALARMS[1:], marks={})
    assert drawn.description.endswith("In alarm: none.")
    assert drawn.png(dots_per_inch=60).startswith(b"\x89PNG")


def test_without_requests_there_is_no_picture() -> None:
    with pytest.raises(NotFound, match="no requests"):
        rollout.timeline(requests()[:0], alarms=ALARMS, marks={})


def test_a_version_that_has_a_name_looks_the_same_in_every_picture() -> None:
    names = {"old": "good", "new": "bad"}
    early, late = requests()[:16], requests()[10:]
    colours = [
        {
            patch.get_label(): patch.get_facecolor()
            for patch in rollout.timeline(part, alarms=ALARMS, marks={}, names=names)
            .figure.axes[0]
            .patches
        }
        for part in (early, late)
    ]
    assert colours[0]["bad"] == colours[1]["bad"] != colours[0]["good"] == colours[1]["good"]
