"""How well a model does, by truths that were told after its answers."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from visionml.contracts.monitoring import AccuracyEstimate, ClassPerformance, PerformancePoint
from visionml.errors import InvalidInput
from visionml.evaluation.figures import Numbers, confusion
from visionml.experiments.shares import Trials, wilson

_MOST_PERIODS = 10_000


def performance(
    truths: Iterable[Mapping[str, Any]],
    *,
    begin: datetime,
    end: datetime,
    model_version: str,
    variant: str,
    answers: int | None = None,
    estimate: AccuracyEstimate | None = None,
) -> PerformancePoint:
    """Return accuracy, and precision and recall of each class, from `begin` to `end`.

    `truths` are rows of the table of ground truths, of any model and time: those of other ones
    are passed over, and so are rows that say too little. Where a truth of an answer was told
    again, the last one counts. Intervals are Wilson's, which hold for few truths, too.
    """
    told = {
        str(row["prediction_id"]): (str(row["label"]), str(row["predicted"]))
        for row in truths
        if row.get("model_version") == model_version
        and row.get("variant") == variant
        and row.get("label")
        and row.get("predicted")
        and begin <= _moment(row.get("time")) < end
    }
    names = sorted({name for pair in told.values() for name in pair})
    places = {name: place for place, name in enumerate(names)}
    pairs = np.array([[places[a], places[b]] for a, b in told.values()], np.int64).reshape(-1, 2)
    counts = confusion(pairs[:, 0], pairs[:, 1], classes=len(names))
    right = Trials(int(counts.trace()), len(told))
    return PerformancePoint(
        begin=begin,
        end=end,
        model_version=model_version,
        variant=variant,
        answers=answers,
        labelled=len(told),
        accuracy=right.share if told else None,
        interval=wilson(right),
        classes={name: _class(counts, place) for place, name in enumerate(names)},
        estimate=estimate,
    )


def series(
    truths: Iterable[Mapping[str, Any]],
    *,
    begin: datetime,
    end: datetime,
    step: timedelta,
    model_version: str,
    variant: str,
    estimates: Sequence[tuple[datetime, AccuracyEstimate]] = (),
) -> list[PerformancePoint]:
    """Return the performance of each period of `step` between two times.

    Each has the newest of `estimates` of its own time beside it.

    Raises
    ------
    InvalidInput
        The step is no time, or there would be too many periods.
    """
    if step <= timedelta(0) or (end - begin) / step > _MOST_PERIODS:
        raise InvalidInput(
            f"From {begin} to {end} in steps of {step} is no series.", hint="Give a longer step."
        )
    rows, points, first = list(truths), [], begin
    while first < end:
        last = min(first + step, end)
        promised = [(at, each) for at, each in estimates if first < at <= last]
        points.append(
            performance(
                rows,
                begin=first,
                end=last,
                model_version=model_version,
                variant=variant,
                estimate=max(promised, key=lambda pair: pair[0])[1] if promised else None,
            )
        )
        first = last
    return points


def _class(counts: Numbers, place: int) -> ClassPerformance:
    hits = int(counts[place, place])
    recall = Trials(hits, int(counts[place].sum()))
    precision = Trials(hits, int(counts[:, place].sum()))
    return ClassPerformance(
        precision=precision.share if precision.trials else None,
        precision_interval=wilson(precision),
        recall=recall.share if recall.trials else None,
        recall_interval=wilson(recall),
        images=recall.trials,
        predicted=precision.trials,
    )


def _moment(time: object) -> datetime:
    """Return a time as UTC; one that cannot be read is of no period."""
    try:
        moment = time if isinstance(time, datetime) else datetime.fromisoformat(str(time))
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
