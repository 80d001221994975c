import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from tests.unit.monitoring.answers import MODEL, answers
from visionml.contracts.monitoring import DriftReport
from visionml.monitoring.baseline import Baseline
from visionml.monitoring.check import check
from visionml.monitoring.page import page
from visionml.monitoring.performance import performance
from visionml.monitoring.persistence import persistence
from visionml.monitoring.sequential import advance

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def at(baseline: Baseline | None, hour: int, **shift: float) -> DriftReport:
    return check(
        baseline,
        answers(300, seed=hour, **shift),  # type: ignore[arg-type]
        model_version=MODEL,
        variant="ModelA",
        report_id=f"r{hour}",
        time=NOON + timedelta(hours=hour),
    )


class Tags(HTMLParser):
    """Checks that tags are closed, in order."""

    EMPTY = frozenset({"meta"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def pictures(html: str) -> Iterator[ET.Element]:
    for found in re.findall(r"<svg.*?</svg>", html, re.DOTALL):
        yield ET.fromstring(found)


def test_the_page_tells_what_moved_since_when_and_shows_examples(baseline: Baseline) -> None:
    past = [at(baseline, hour) for hour in range(3)] + [at(baseline, 3, brightness=1.0)]
    report = at(baseline, 4, brightness=1.0, odd=0.1)
    rows = [
        {
            "prediction_id": f"p{number}",
            "time": NOON,
            "label": "cat",
            "predicted": "cat",
            "model_version": MODEL,
            "variant": "ModelA",
        }
        for number in range(5)
    ]
    told = performance(
        rows,
        begin=NOON,
        end=NOON + timedelta(hours=4),
        model_version=MODEL,
        variant="ModelA",
        estimate=report.estimate,
    )
    html = page(report, past, persistence([*past, report]), [told])
    assert "Drift." in html
    assert "brightness moved by +" in html
    assert "It began with the report of 20 November 2026, 15:00" in html
    assert "Images are not kept" in html
    assert "do not rely on it" in html
    assert len(list(pictures(html))) == 4
    assert len([*next(pictures(html)).iter("rect")]) == 2  # two reports drifted


@pytest.mark.parametrize("kind", ["ok", "drifted", "few", "none", "empty", "sequential"])
def test_every_page_is_whole_and_asks_for_nothing(baseline: Baseline, kind: str) -> None:
    few = answers(20)
    few = few.take(slice(0, 0)) if kind == "empty" else few
    report = {
        "ok": lambda: at(baseline, 1),
        "drifted": lambda: at(baseline, 2, odd=0.5),
        "none": lambda: at(None, 3),
        "sequential": lambda: advance(
            None, baseline, answers(80), model_version=MODEL, variant="a", report_id="r"
        )[1],
    }.get(
        kind, lambda: check(baseline, few, model_version=MODEL, variant="ModelA", report_id="r")
    )()
    html = page(report)
    tags = Tags()
    tags.feed(html)
    assert tags.open == []
    assert not tags.seen & {"script", "link", "img", "iframe"}
    assert "http:" not in html
    assert "https:" not in html
    for picture in pictures(html):
        assert picture.attrib["aria-label"]
        numbers = [
            float(value)
            for each in picture.iter()
            for name, value in each.attrib.items()
            if name in {"x", "y", "width", "height", "cx", "cy"}
        ]
        assert np.isfinite(numbers).all()
        assert min(numbers) >= 0


def test_names_are_no_markup(baseline: Baseline) -> None:
    report = at(baseline, 1).model_copy(update={"variant": "<script>alert(1)</script>"})
    assert "<script" not in page(report)
