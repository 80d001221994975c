"""A week of answers in seconds: real images, shifted as cameras and people do, and what is said.

Images are those of the baseline, drawn anew for every hour; the model answers them in this
process, by the functions that serving uses, and every hour is looked at as the platform does.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from visionml.contracts.monitoring import DriftReport
from visionml.contracts.settings import DriftSettings
from visionml.monitoring.baseline import Baseline
from visionml.monitoring.check import check
from visionml.monitoring.persistence import persistence
from visionml.monitoring.reference import Model, Part, reference

Pixels = NDArray[np.uint8]
Chance = np.random.Generator

DAY = 24
HOURS = 7 * DAY
_BUSY, _QUIET = 240, 140
"""Answers an hour by day and by night, at most."""
_LEAST = 0.8
_NOTHING = "no class of the model"


@dataclass(frozen=True)
class Shift:
    """What happens to the images from one hour of the week to another."""

    name: str
    begin: int
    end: int
    change: Callable[[Part, Chance], Part]
    weights: Callable[[Sequence[str]], NDArray[np.float64]] | None = None
    """How often images are drawn, by their labels."""


@dataclass(frozen=True)
class Hour:
    """What was said of one hour."""

    report: DriftReport
    alarm: bool
    """Drift stays."""
    shift: str
    """What had happened to the images, "" for nothing."""
    recent: bool
    """Reports of a shift are still among those that an alarm counts."""


@dataclass(frozen=True)
class Seen:
    """What was said of one shift."""

    shift: str
    hours: int
    drifted: int
    """Reports that said so."""
    first_report: int | None
    """The hour of the shift, from 1; None: it was not seen."""
    first_alarm: int | None
    moved: tuple[str, ...]
    """What the first of these reports says has moved, the most surprising first."""


@dataclass(frozen=True)
class Week:
    """Every hour of it."""

    hours: tuple[Hour, ...]
    shifts: tuple[Shift, ...]

    @property
    def seen(self) -> list[Seen]:
        """What was said of each shift."""
        return [_seen(shift.name, self.hours[shift.begin : shift.end]) for shift in self.shifts]

    @property
    def detected(self) -> list[str]:
        """The shifts that became an alarm."""
        return [each.shift for each in self.seen if each.first_alarm]

    @property
    def false_alarms(self) -> int:
        """How many alarms began while nothing had shifted, nor just before."""
        before = (False, *(hour.alarm for hour in self.hours))
        began = zip(self.hours, before, strict=False)
        return sum(hour.alarm and not known and not hour.recent for hour, known in began)

    @property
    def quiet(self) -> list[Hour]:
        """The hours in which nothing had shifted and whose answers were tested."""
        return [hour for hour in self.hours if not hour.shift and hour.report.threshold is not None]


def week(
    model: Model,
    baseline: Baseline,
    pool: Part,
    *,
    strangers: Pixels,
    settings: DriftSettings,
    begin: datetime | None = None,
    seed: int = 0,
) -> Week:
    """Return a week of reports on `model`, whose images are drawn from `pool`.

    `strangers` are images, of the model's size, of things that it does not know.
    """
    chance = np.random.default_rng(seed)
    monday = begin or datetime(2026, 11, 16, tzinfo=UTC)
    shifts = usual(strangers)
    hours: list[Hour] = []
    reports: list[DriftReport] = []
    for number in range(HOURS):
        shift = next((each for each in shifts if each.begin <= number < each.end), None)
        part = _drawn(pool, number % DAY, shift, chance)
        time = monday + timedelta(hours=number + 1)
        reports.append(_report(model, baseline, part, time, chance))
        stays = persistence(reports, needed=settings.alarm_reports, of=settings.of_reports)
        since = number - settings.of_reports
        hours.append(
            Hour(
                report=reports[-1],
                alarm=stays.alarm,
                shift=shift.name if shift else "",
                recent=any(each.begin <= number and since < each.end for each in shifts),
            )
        )
    return Week(tuple(hours), shifts)


def usual(strangers: Pixels) -> tuple[Shift, ...]:
    """Return the shifts of the week; on Monday and Tuesday there is none."""
    return (
        Shift("night", 2 * DAY + 20, 3 * DAY + 6, lambda part, _: _darker(part, 0.8)),
        Shift("other camera", 3 * DAY + 14, 3 * DAY + 20, _other_camera),
        Shift("blur", 4 * DAY + 10, 4 * DAY + 16, lambda part, _: _blurred(part, 1.0)),
        Shift("class mix", 5 * DAY + 10, 5 * DAY + 16, lambda part, _: part, _one_class),
        Shift(
            "new class",
            6 * DAY + 10,
            6 * DAY + 16,
            lambda part, chance: _joined(part, strangers, 0.1, chance),
        ),
    )


def _report(
    model: Model, baseline: Baseline, part: Part, time: datetime, chance: Chance
) -> DriftReport:
    window = reference(model, [part])
    return check(
        baseline,
        replace(window, times=time.timestamp() - chance.uniform(1, 3600, len(window))),
        report_id=f"rehearsal-{time:%Y%m%dT%H}",
        time=time,
        model_version=baseline.facts.model_version,
        variant="rehearsal",
    )


def _drawn(pool: Part, hour: int, shift: Shift | None, chance: Chance) -> Part:
    most = _BUSY if 8 <= hour < 20 else _QUIET
    weights = None
    if shift is not None and shift.weights is not None:
        weights = shift.weights([row.label for row in pool.rows])
    count = int(chance.integers(int(most * _LEAST), most))
    chosen = chance.choice(len(pool.rows), count, p=weights)
    part = Part(pool.pixels[chosen], [pool.rows[each] for each in chosen])
    return shift.change(part, chance) if shift else part


def _darker(part: Part, factor: float) -> Part:
    return Part((part.pixels * factor).astype(np.uint8), part.rows)


def _blurred(part: Part, width: float) -> Part:
    soft = gaussian_filter(part.pixels.astype(np.float32), (0, width, width, 0))
    return Part(np.rint(soft).astype(np.uint8), part.rows)


def _other_camera(part: Part, chance: Chance) -> Part:
    """Return pictures of a sensor that is warmer and noisier, in files of another shape."""
    warm = part.pixels * np.array([1.0, 0.94, 0.86])
    grainy = warm + chance.normal(0, 6, part.pixels.shape)
    rows = [
        row.model_copy(
            update={"width": row.width * 4, "height": row.height * 3, "bytes": row.bytes * 10}
        )
        for row in part.rows
    ]
    return Part(grainy.clip(0, 255).astype(np.uint8), rows)


def _one_class(labels: Sequence[str]) -> NDArray[np.float64]:
    """Return weights by which the first class comes four times as often."""
    first = min(labels)
    weights = np.array([4.0 if label == first else 1.0 for label in labels])
    shares: NDArray[np.float64] = weights / weights.sum()
    return shares


def _joined(part: Part, strangers: Pixels, share: float, chance: Chance) -> Part:
    pixels, rows = part.pixels.copy(), list(part.rows)
    for place in np.flatnonzero(chance.random(len(rows)) < share):
        pixels[place] = strangers[chance.integers(len(strangers))]
        rows[place] = rows[place].model_copy(update={"label": _NOTHING})
    return Part(pixels, rows)


def _seen(name: str, hours: Sequence[Hour]) -> Seen:
    drifted = [hour.report for hour in hours if hour.report.drifted]
    return Seen(
        shift=name,
        hours=len(hours),
        drifted=len(drifted),
        first_report=_first(hour.report.drifted for hour in hours),
        first_alarm=_first(hour.alarm for hour in hours),
        moved=tuple(drifted[0].moved) if drifted else (),
    )


def _first(said: Iterable[bool]) -> int | None:
    return next((number for number, each in enumerate(said, start=1) if each), None)
