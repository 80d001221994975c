"""Answers whose truth may be told later, and how often models were right.

Answers come here from the events stream, not from who answers: that costs an answer nothing, and
its truth can be told once the stream has been read, some seconds after. An event that was lost
leaves an answer without truth.

Of every truth the hour's count for the model and its variant is kept as well, in one write with
it, so that a comparison reads some hundred counts however many answers there were.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from visionml.aws.s3 import Objects, uri
from visionml.aws.table import Item, Table
from visionml.contracts.experiments import KeptAnswer, LabelCount, ToldTruth, Truth
from visionml.contracts.inference import InferenceEvent
from visionml.contracts.layout import EVALUATION_REPORT, run_evaluation
from visionml.errors import Conflict, NotFound, RequestRefused, Unavailable
from visionml.serving.payload import parsed
from visionml.serving.predictions import TTL_ATTRIBUTE
from visionml.serving.truth_records import TruthRecords

_ANSWER, _TRUTH = "ANSWER", "TRUTH"
_ATTEMPTS = 5
_PAUSE_SECONDS = 0.05
_DAY_SECONDS = 86_400

Classes = Callable[[str], Sequence[str] | None]
"""Returns what a model version can answer, or None where that is not known any more."""


def truth_of(body: bytes) -> Truth:
    """Return the truth in the body of ``POST /predictions/{id}/truth``.

    Raises
    ------
    RequestRefused
        400: it is none.
    """
    return parsed(
        Truth,
        body,
        hint='Send {"label": "<what the image really shows>"}.',
        what="no truth",
    )


class ReportedClasses:
    """What model versions can answer, as their evaluation reports have it; read once each."""

    def __init__(self, objects: Objects, bucket: str) -> None:
        self._objects, self._bucket = objects, bucket
        self._known: dict[str, tuple[str, ...] | None] = {}

    def __call__(self, version: str) -> tuple[str, ...] | None:
        """Return a version's classes; None where its report is gone."""
        if version not in self._known:
            key = f"{run_evaluation(version)}/{EVALUATION_REPORT}"
            try:
                report = self._objects.read_json(uri(self._bucket, key))
            except NotFound:
                self._known[version] = None
            else:
                self._known[version] = tuple(report["classes"])
        return self._known[version]


class Truths:
    """Answers, truths and counts, in the table of predictions."""

    def __init__(
        self,
        table: Table,
        *,
        days: int,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        records: TruthRecords | None = None,
    ) -> None:
        """Keep all three for `days`; `records` is told of every truth as well."""
        self._table, self._days, self._records = table, days, records
        self._clock, self._sleep = clock, sleep

    def keep(self, events: Sequence[InferenceEvent]) -> None:
        """Keep what has to be known of answers; keeping one again changes nothing."""
        known = set(KeptAnswer.model_fields)
        self._table.put_all(
            {
                **event.model_dump(mode="json", include=known),
                "PK": _partition(event.prediction_id),
                "SK": _ANSWER,
                TTL_ATTRIBUTE: self._expires(),
            }
            for event in events
        )

    def knows(self, prediction_id: str) -> bool:
        """Tell whether an answer is kept."""
        return self._table.get(_partition(prediction_id), _ANSWER) is not None

    def tell(self, prediction_id: str, label: str, *, classes: Classes) -> ToldTruth:
        """Write what an image really shows; telling the same again changes nothing.

        Raises
        ------
        RequestRefused
            404: no such answer is known, or not any more. 409: another truth was told before.
            422: the model has no such class.
        Unavailable
            Too many truths are told at once.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            found = {each["SK"]: each for each in self._table.query(_partition(prediction_id))}
            answer = self._answer(found.get(_ANSWER), prediction_id)
            told = ToldTruth(
                prediction_id=prediction_id,
                label=label,
                predicted=answer.label,
                right=label == answer.label,
            )
            if _TRUTH in found:
                return self._recorded(_same(told, str(found[_TRUTH]["label"])), answer)
            _check(label, answer, classes)
            try:
                self._write(told, answer)
            except Conflict:  # somebody told it meanwhile, or told another one of this hour
                self._sleep(_PAUSE_SECONDS * 2**attempt * random.random())  # noqa: S311
            else:
                return self._recorded(told, answer)
        raise Unavailable("Too many truths are told at once. Try again.")

    def _recorded(self, told: ToldTruth, answer: KeptAnswer) -> ToldTruth:
        """Record a truth; whoever tells one again mends a record that could not be written."""
        if self._records is not None:
            self._records.write(told, answer)
        return told

    def counts(self, *, since: datetime, until: datetime) -> Iterator[LabelCount]:
        """Yield the counts of the hours of a time, the oldest first."""
        day = since.astimezone(UTC).date()
        while day <= until.astimezone(UTC).date():
            for item in self._table.query(_day(day.isoformat())):
                count = LabelCount.model_validate(item)
                if since <= count.hour + timedelta(hours=1) and count.hour <= until:
                    yield count
            day += timedelta(days=1)

    def _answer(self, item: Mapping[str, Any] | None, prediction_id: str) -> KeptAnswer:
        if item is None or item[TTL_ATTRIBUTE] <= self._clock():
            raise RequestRefused(
                f"There is no answer to a prediction {prediction_id[:64]!r}.",
                code="unknown_prediction",
                status=404,
                hint=f"Answers are known some seconds after they are given, for {self._days} days.",
            )
        return KeptAnswer.model_validate(item)

    def _write(self, told: ToldTruth, answer: KeptAnswer) -> None:
        hour = answer.time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        expires = self._expires()
        counter: Item = {
            "PK": _day(hour.date().isoformat()),
            "SK": f"{hour.hour:02}#{answer.variant}#{answer.model_version}",
        }
        self._table.put_and_count(
            {
                **told.model_dump(),
                "PK": _partition(told.prediction_id),
                "SK": _TRUTH,
                TTL_ATTRIBUTE: expires,
            },
            counter=counter,
            numbers={"labelled": 1, "right": int(told.right)},
            facts={
                "hour": hour.isoformat(),
                "variant": answer.variant,
                "model_version": answer.model_version,
                TTL_ATTRIBUTE: expires,
            },
        )

    def _expires(self) -> int:
        return int(self._clock()) + self._days * _DAY_SECONDS


def _same(told: ToldTruth, before: str) -> ToldTruth:
    if before == told.label:
        return told
    raise RequestRefused(
        f"The truth of {told.prediction_id} was told before, and was {before!r}.",
        code="other_truth",
        status=409,
        hint="A truth cannot be changed.",
    )


def _check(label: str, answer: KeptAnswer, classes: Classes) -> None:
    known = None if label == answer.label else classes(answer.model_version)
    if known is not None and label not in known:
        shown = ", ".join(sorted(known)[:20])
        raise RequestRefused(
            f"The model {answer.model_version} has no class {label[:64]!r}.",
            code="unknown_class",
            status=422,
            hint=f"It tells apart: {shown}{', and others' if len(known) > 20 else ''}.",
        )


def _partition(prediction_id: str) -> str:
    return f"PREDICTION#{prediction_id}"


def _day(day: str) -> str:
    return f"TRUTHS#{day}"
