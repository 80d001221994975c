"""What is published of looks at the answers: figures for CloudWatch, events for the bus."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from visionml.contracts import watching
from visionml.contracts.events import BaselineMissing, DriftDetected
from visionml.monitoring.watching import Look

Figures = dict[str, float]


class Point(NamedTuple):
    """Figures, and the variant whose they are; "" for all together."""

    variant: str
    figures: Figures


def points(looks: Sequence[Look]) -> list[Point]:
    """Return the figures of each variant and of all; the heartbeat is among the latter."""
    each = [Point(look.report.variant, dict(_figures(look))) for look in looks]
    together: Figures = {watching.RUNS: 1.0, watching.ALARM: 0.0, watching.NO_BASELINE: 0.0}
    for name in sorted({name for point in each for name in point.figures}):
        values = [point.figures[name] for point in each if name in point.figures]
        worst = min if name in {watching.ACCURACY, watching.ESTIMATE} else max
        total = name in {watching.SAMPLES, watching.LABELLED, watching.UNREADABLE}
        together[name] = sum(values) if total else worst(values)
    return [*each, Point("", together)]


def _figures(look: Look) -> Iterator[tuple[str, float]]:
    report, accuracy = look.report, look.accuracy
    yield watching.ALARM, float(look.persistence.alarm)
    yield watching.SAMPLES, float(report.window.samples)
    yield watching.UNREADABLE, float(report.window.unreadable)
    yield watching.UNTESTED, float(report.state in {"not_enough_data", "no_baseline"})
    yield watching.NO_BASELINE, float(report.state == "no_baseline")
    if report.threshold:
        yield watching.SCORE, report.score / report.threshold
    if report.estimate is not None:
        yield watching.ESTIMATE, report.estimate.accuracy
    yield watching.LABELLED, float(accuracy.labelled)
    if accuracy.accuracy is not None and accuracy.labelled >= watching.ENOUGH_TRUTHS:
        yield watching.ACCURACY, accuracy.accuracy


def drifts(looks: Sequence[Look], *, datasets: dict[str, str]) -> list[DriftDetected]:
    """Return an event for each drift whose alarm has just begun; `datasets` is by version."""
    return [
        DriftDetected(
            model_version=look.report.model_version,
            variant=look.report.variant,
            dataset=datasets[look.report.model_version],
            report_id=look.report.report_id,
            report=look.address,
            time=look.report.time,
            since=look.persistence.since or look.report.time,
            score=look.report.score,
            threshold=look.report.threshold or 0.0,
            moved=tuple(look.report.moved),
        )
        for look in looks
        if look.begun
    ]


def missing(looks: Sequence[Look]) -> list[BaselineMissing]:
    """Return an event for each version that there is nothing to compare with."""
    versions = {look.report.model_version for look in looks if look.report.state == "no_baseline"}
    return [BaselineMissing(model_version=version) for version in sorted(versions)]
