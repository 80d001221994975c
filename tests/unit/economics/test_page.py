"""The tables of docs/scaling-and-cost.md say what the model says."""

import math
from pathlib import Path

import pytest

from visionml.contracts.settings import IntakeSettings
from visionml.economics.intake import STAGES, Need, account_share, arrivals, needs, queue

PAGE = (Path(__file__).parents[3] / "docs" / "scaling-and-cost.md").read_text(encoding="utf-8")


def cell(need: Need) -> str:
    return f"{need.mean:.1f}, at most {need.most}"


@pytest.mark.parametrize(("images", "peak"), [(500_000, 1), (500_000, 10), (50_000_000, 1)])
def test_the_table_of_concurrency_is_the_models(images: int, peak: int) -> None:
    needed = needs(STAGES, images_per_day=images, peak=peak)
    cells = [f"{images:,}", f"{peak} x", f"{arrivals(images, peak):.1f}", *map(cell, needed)]
    assert f"| {' | '.join(cells)} | {account_share(needed):.0%} |".replace("%", " %") in PAGE


@pytest.mark.parametrize("concurrency", [20, 30, IntakeSettings().maximum_concurrency])
def test_the_table_of_the_queue_is_the_models(concurrency: int) -> None:
    found = queue(STAGES[0], images_per_day=500_000, peak=10, concurrency=concurrency)
    slow = found.slow_wait_seconds
    wait = "ever longer" if math.isinf(slow) else f"{slow:.1f} s"
    assert f"| {concurrency} | {wait} | {found.drain_seconds / 60:.0f} min |" in PAGE
