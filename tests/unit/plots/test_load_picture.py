"""The picture of a load test."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from visionml.errors import NotFound
from visionml.plots import load

BEGAN = datetime(2026, 11, 20, tzinfo=UTC)


def requests(rate: float, latencies_ms: list[float], *, failed: int = 0) -> pd.DataFrame:
    rows = [
        {
            "rate": rate,
            "sent": BEGAN + timedelta(seconds=index / rate),
            "latency_ms": latency,
            "error": "busy" if index < failed else "",
        }
        for index, latency in enumerate(latencies_ms)
    ]
    return pd.DataFrame(rows)


def test_answers_are_counted_until_the_last_one_came() -> None:
    table = load.by_rate(pd.concat([requests(10, [10.0] * 10), requests(20, [1010.0] * 20)]))
    assert table.loc[10, "answers a second"] == pytest.approx(10 / 0.91)
    assert table.loc[20, "answers a second"] == pytest.approx(20 / 1.96)
    assert table["p50 ms"].tolist() == [10, 1010]


def test_failures_have_no_part_in_latencies_and_are_told() -> None:
    drawn = load.steps(requests(10, [5000.0, 10.0, 10.0, 10.0], failed=1))
    assert "4 requests at 10 a second, 1 failed" in drawn.description
    assert "took 10 ms" in drawn.description
    assert drawn.png().startswith(b"\x89PNG")


def test_without_requests_there_is_no_picture() -> None:
    with pytest.raises(NotFound, match="no requests"):
        load.steps(pd.DataFrame(columns=["rate", "sent", "latency_ms", "error"]))
