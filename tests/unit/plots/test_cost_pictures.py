"""The pictures of a bill draw what they are given, and say it in a sentence."""

from typing import Any

import pandas as pd
import pytest

from visionml.economics.switches import Saving
from visionml.errors import NotFound
from visionml.plots import cost

BILL = pd.DataFrame(
    {"usd": [10.0, 200.0, 0.0], "low_usd": [5.0, 200.0, 0.0], "high_usd": [20.0, 200.0, 1.0]},
    index=pd.Index(["Serving", "Intake", "Drift"], name="stack"),
)
SAVINGS = (
    Saving("s3-tiers", "Cheaper classes.", on=True, without_usd=900, with_usd=400),
    Saving("api-cache", "Repeated images.", on=False, without_usd=400, with_usd=413),
)


def test_the_bill_shows_what_costs_something_the_largest_last() -> None:
    picture = cost.month(BILL)
    axes: Any = picture.figure.axes[0]
    assert [bar.get_width() for bar in axes.patches] == [10.0, 200.0]
    assert axes.get_title(loc="left") == "What a month costs, by stack"
    assert "A month costs $210; Intake is the largest part with $200." in picture.description
    assert picture.png().startswith(b"\x89PNG")


def test_switches_show_what_they_save_and_cost() -> None:
    picture = cost.switches(SAVINGS)
    axes: Any = picture.figure.axes[0]
    assert [bar.get_width() for bar in axes.patches][:2] == [-13, 500]
    assert "s3-tiers saves most, $500 a month; 1 of 2 switches" in picture.description
    assert picture.png().startswith(b"\x89PNG")


def test_nothing_is_no_picture() -> None:
    with pytest.raises(NotFound):
        cost.month(BILL[BILL["usd"] > 1000])
    with pytest.raises(NotFound):
        cost.switches(())
