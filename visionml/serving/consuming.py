"""What becomes of each record of the requests stream: a prediction, or a failure with its reason.

A stream hands over records more than once, and a consumer may end between any two of its steps.
Whoever comes next does what is missing:

1. the prediction is settled by a write that only a pending one takes, and the event that
   monitoring is to be told is part of that write;
2. the events of a batch are published together, and the table notes that they were.

So a prediction is written once. An event is published again, the same to the byte, only by who
finds it unpublished: after an end between publishing and noting.
"""

import contextlib
import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any

from pydantic import ValidationError

from visionml.contracts.inference import (
    LONGEST_PREDICTION_ID,
    ErrorDetail,
    InferenceEvent,
    InferenceRequest,
)
from visionml.errors import Conflict, InvalidInput, VisionmlError
from visionml.serving.adapter import Inferred
from visionml.serving.failures import Failures, Received
from visionml.serving.pace import Pace
from visionml.serving.predictions import Ending, Kept, Predictions
from visionml.serving.statuses import status_of

LARGEST_BYTES = 16_384
"""A request has some 300: what is larger than this is none."""
UNKNOWN_ATTEMPTS = 3
"""How often a prediction is tried that ends in an error which nobody foresaw, or ends all."""

log = logging.getLogger(__name__)


class Outcome(StrEnum):
    """How a record ended."""

    MADE = "made"
    FAILED = "failed"
    REPEATED = "repeated"
    """It had ended before."""


@dataclass
class Batch:
    """What an invocation knows before it begins, and what it has to tell when it ends."""

    known: dict[str, Kept | None] = field(default_factory=dict)
    alone: bool = False
    """Whether it is one record's: Lambda splits a batch down to the record that ends the consumer,
    so that attempts of such a one are noted before they are made."""
    untold: dict[str, InferenceEvent] = field(default_factory=dict)
    """Events by prediction."""
    records: dict[str, str] = field(default_factory=dict)
    """The records that wait for them, and the predictions by which."""

    def waits(self, record: Received) -> bool:
        """Tell whether a record has an event that could not be told."""
        return self.records.get(record.position, "") in self.untold


class Malformed(Exception):
    """A record is no request, and never will be."""

    def __init__(self, code: str, message: str, *, prediction_id: str = "") -> None:
        super().__init__(message)
        self.detail = ErrorDetail(code=code, message=message)
        self.prediction_id = prediction_id
        """Of the prediction that it asks for all the same, where that can be told."""


@dataclass(frozen=True)
class Consumer:
    """Ends records of the requests stream, in any order and from several threads."""

    predictions: Predictions
    failures: Failures
    infer: Callable[[InferenceRequest], Inferred]
    infer_together: Callable[
        [Sequence[InferenceRequest], Pace], Mapping[str, Inferred | ErrorDetail]
    ]
    """Answers as many of several requests as it can with few calls, by their predictions, and
    raises nothing."""
    publish: Callable[[Sequence[InferenceEvent]], None]
    """Sends events, or raises Unavailable."""
    maximum_age: timedelta
    """Since a record arrived; until then what is busy or down is waited for."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _locks: tuple[threading.Lock, ...] = field(
        default_factory=lambda: tuple(threading.Lock() for _ in range(64))
    )
    """One thread at a time is at a prediction."""

    def begin(self, records: Sequence[Received]) -> Batch:
        """Look up together what is known of the predictions that records ask for."""
        names: list[str] = []
        for each in records:
            with contextlib.suppress(Malformed):
                names.append(request_of(each.data).prediction_id)
        try:
            return Batch(self.predictions.find_all(names), alone=len(records) == 1)
        except VisionmlError:
            return Batch(alone=len(records) == 1)  # they are looked up one by one, with patience

    def consume_together(
        self, records: Sequence[Received], pace: Pace, batch: Batch
    ) -> dict[str, Outcome]:
        """End what a few calls can end but for telling of it, and return how, by position.

        That is the first request for each pending prediction whose image the endpoint answers or
        refuses. Everything else, and what fails in whatever way, is left for `consume`, as if
        nobody had tried.
        """
        fresh = {} if batch.alone else self._fresh(records, batch)
        if not fresh:
            return {}
        found = self.infer_together([request for _, request in fresh.values()], pace)
        endings = [_ending(*fresh[name], each) for name, each in found.items()]
        for name in found:
            batch.known.pop(name)
        try:
            settled = pace.patiently(lambda: self.predictions.settle_all(endings))
        except VisionmlError:
            return {}  # there is no time left: they are handed back
        return {
            each.record: self._ended(each, batch)
            for each, first in zip(endings, settled, strict=True)
            if first  # what another invocation settled is looked at more closely
        }

    def consume(self, record: Received, pace: Pace, batch: Batch) -> Outcome:
        """End a record but for telling of it, waiting as `pace` allows.

        Raises
        ------
        VisionmlError
            What is needed is busy or down: the record is to be handed over again.
        Exception
            Nobody knows why it fails; it is to be handed over again, a few times at most.
        """
        return pace.patiently(lambda: self._end(record, batch))

    def tell(self, batch: Batch, pace: Pace) -> None:
        """Publish the events of a batch and note that; what could not be told stays in it."""
        events = list(batch.untold.values())
        if not events:
            return
        names = [each.prediction_id for each in events]
        with contextlib.suppress(VisionmlError):
            pace.patiently(lambda: self.publish(events))
            # tried again by itself: together they would publish what has been published
            pace.patiently(lambda: self.predictions.published(names))
            batch.untold.clear()

    def _fresh(
        self, records: Sequence[Received], batch: Batch
    ) -> dict[str, tuple[Received, InferenceRequest]]:
        """Return by prediction what has never been asked for, and need not be looked at closely."""
        fresh: dict[str, tuple[Received, InferenceRequest]] = {}
        for record in records:
            with contextlib.suppress(Malformed):
                request = request_of(record.data)
                kept = batch.known.get(request.prediction_id)
                pending = kept is not None and kept.state.status == "pending" and not kept.attempts
                if pending and self.now() - record.arrived <= self.maximum_age:
                    fresh.setdefault(request.prediction_id, (record, request))
        return fresh

    def _ended(self, ending: Ending, batch: Batch) -> Outcome:
        if ending.event is None:
            return Outcome.FAILED
        batch.untold[ending.prediction_id] = ending.event
        batch.records[ending.record] = ending.prediction_id
        return Outcome.MADE

    def _end(self, record: Received, batch: Batch) -> Outcome:
        try:
            request = request_of(record.data)
        except Malformed as error:
            return self._malformed(record, error)
        with self._locks[hash(request.prediction_id) % len(self._locks)]:
            return self._settle(record, request, batch)

    def _settle(self, record: Received, request: InferenceRequest, batch: Batch) -> Outcome:
        kept = self._kept(request.prediction_id, batch)
        if kept.request and kept.request != fingerprint(request):
            return self._unsettled(record, _OTHER_REQUEST)
        if kept.state.status == "pending":
            return self._make(record, request, kept, batch)
        if kept.event is None:
            return Outcome.REPEATED
        self._remember(record, kept.event, batch)  # who settled it did not come so far
        return Outcome.MADE if kept.record == record.position else Outcome.REPEATED

    def _kept(self, prediction_id: str, batch: Batch) -> Kept:
        """Return what is known of a prediction; one that nobody announced becomes pending."""
        # what was known before this batch holds for the first record of it alone
        kept = batch.known.pop(prediction_id, None) or self.predictions.find(prediction_id)
        if kept is None:
            try:
                kept = Kept(self.predictions.accept(prediction_id))
            except Conflict:  # another record asks for it as well, or it expired just now
                kept = self.predictions.find(prediction_id)
        if kept is None:
            raise Conflict(f"The prediction {prediction_id} is being forgotten.")
        return kept

    def _make(
        self, record: Received, request: InferenceRequest, kept: Kept, batch: Batch
    ) -> Outcome:
        made = self._asked(record, request, kept, batch)
        if isinstance(made, ErrorDetail):
            return self._fail(record, request, made)
        if not self.predictions.settle(_ending(record, request, made)):
            return self._settle(record, request, batch)  # another invocation was faster
        self._remember(record, made.event, batch)
        return Outcome.MADE

    def _asked(
        self, record: Received, request: InferenceRequest, kept: Kept, batch: Batch
    ) -> Inferred | ErrorDetail:
        """Return the endpoint's answer, or why there will be none."""
        name, attempts = request.prediction_id, kept.attempts
        if self.now() - record.arrived > self.maximum_age:
            return _TOO_LATE
        if attempts >= UNKNOWN_ATTEMPTS:
            return _CONSUMER_ENDED
        if batch.alone:
            self.predictions.attempted(name, attempts=attempts + 1)
        try:
            return self.infer(request)
        except InvalidInput as error:
            return status_of(error)[1].error
        except VisionmlError:
            if batch.alone:  # waiting is no attempt
                self.predictions.attempted(name, attempts=attempts)
            raise
        except Exception as error:
            log.exception("the prediction %s cannot be made", name)
            if attempts + 1 >= UNKNOWN_ATTEMPTS:
                return status_of(error)[1].error
            self.predictions.attempted(name, attempts=attempts + 1)
            raise

    def _remember(self, record: Received, event: InferenceEvent, batch: Batch) -> None:
        batch.untold[event.prediction_id] = event
        batch.records[record.position] = event.prediction_id

    def _fail(self, record: Received, request: InferenceRequest, error: ErrorDetail) -> Outcome:
        ended = self.predictions.settle(_ending(record, request, error))
        return Outcome.FAILED if ended else Outcome.REPEATED

    def _malformed(self, record: Received, error: Malformed) -> Outcome:
        """Fail the prediction that is waited for, if there is one; else record the record."""
        kept = self.predictions.find(error.prediction_id) if error.prediction_id else None
        if kept is not None:
            content = sha256(record.data).hexdigest()
            ending = Ending(
                error.prediction_id, error.detail, request=content, record=record.position
            )
            if self.predictions.settle(ending):
                return Outcome.FAILED
            if kept.request == content:
                return Outcome.REPEATED
        return self._unsettled(record, error.detail)

    def _unsettled(self, record: Received, reason: ErrorDetail) -> Outcome:
        return Outcome.FAILED if self.failures.keep(record, reason) else Outcome.REPEATED


def request_of(data: bytes) -> InferenceRequest:
    """Return the request that a record holds.

    Raises
    ------
    Malformed
        It holds none.
    """
    if len(data) > LARGEST_BYTES:
        message = f"The record has {len(data):,} bytes; a request has at most {LARGEST_BYTES:,}."
        raise Malformed("record_too_large", message)
    try:
        value: Any = json.loads(data)
    except (ValueError, RecursionError):
        raise Malformed("record_no_json", "The record is no JSON.") from None
    try:
        return InferenceRequest.model_validate(value)
    except ValidationError as error:
        fields = ", ".join(sorted({".".join(map(str, each["loc"])) for each in error.errors()}))
    found = value.get("prediction_id") if isinstance(value, dict) else None
    known = isinstance(found, str) and 0 < len(found) <= LONGEST_PREDICTION_ID
    raise Malformed(
        "record_no_request",
        f"The record is no request: {fields or 'it is no object'}.",
        prediction_id=str(found) if known else "",
    )


def fingerprint(request: InferenceRequest) -> str:
    """Return what two requests have in common that ask for the same, whenever they were sent."""
    content = request.model_dump_json(exclude={"time"})
    return sha256(content.encode()).hexdigest()


def _ending(record: Received, request: InferenceRequest, found: Inferred | ErrorDetail) -> Ending:
    return Ending(
        request.prediction_id,
        found.prediction if isinstance(found, Inferred) else found,
        event=found.event if isinstance(found, Inferred) else None,
        request=fingerprint(request),
        record=record.position,
    )


_OTHER_REQUEST = ErrorDetail(
    code="other_request",
    message="The prediction of that id was settled for a request with another content.",
)
_CONSUMER_ENDED = ErrorDetail(
    code="consumer_ended",
    message="What makes predictions ended each time it came to this one. Its log may say why.",
)
_TOO_LATE = ErrorDetail(
    code="too_late",
    message="The request waited in its stream for longer than requests are answered. Ask again.",
)
