"""The consumer of the requests stream in a world of memory, in which every step may be the last."""

import contextlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.fakes.crashes import Crash
from tests.fakes.mapping import Clock
from tests.fakes.table import MemoryTable
from visionml.contracts.inference import (
    ErrorDetail,
    InferenceEvent,
    InferenceRequest,
    Prediction,
)
from visionml.errors import RequestRefused, Unavailable
from visionml.local.shard_progress import Record
from visionml.serving.adapter import Inferred, status_of
from visionml.serving.bundles import Bundles, Size
from visionml.serving.consuming import Consumer, Outcome
from visionml.serving.failures import Failures, Received
from visionml.serving.pace import Pace
from visionml.serving.payload import Payload
from visionml.serving.predictions import Predictions

MAXIMUM_AGE = timedelta(hours=1)
ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/requests"


def request(name: str, clock: Clock, *, s3: str = "") -> InferenceRequest:
    moment = datetime.fromtimestamp(clock.now, UTC)
    return InferenceRequest(prediction_id=name, s3=s3 or f"s3://raw/inference/{name}", time=moment)


class World:
    """What the consumer reads, writes, asks and tells."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.table = MemoryTable()
        self.table.step = self._step
        self.step: Callable[[str], None] = lambda _: None
        """Called between any two things that the consumer does outside of itself."""
        self.endpoint: Callable[[InferenceRequest], None] = lambda _: None
        """Raises what the endpoint answers instead of a prediction."""
        self.asked: Counter[str] = Counter()
        self.invocations = 0
        """Of the endpoint, for several images."""
        self.events: list[str] = []
        self.messages: list[dict[str, Any]] = []
        self.outcomes: Counter[Outcome] = Counter()
        table: Any = self.table
        self.predictions = Predictions(table, days=30, clock=self.clock)
        self.failures = Failures(table, days=30, send=self._send, clock=self.clock)
        self.bundles = Bundles(
            read=lambda request: Payload(request.model_dump_json().encode(), "image/png", "ab"),
            ask=self._ask,
            variant=lambda _: None,
            size=Size(most=8, milliseconds=1e6),
            threads=1,
        )
        self.consumer = Consumer(
            predictions=self.predictions,
            failures=self.failures,
            infer=self._infer,
            infer_together=self.bundles.infer,
            publish=self._publish,
            maximum_age=MAXIMUM_AGE,
            now=lambda: datetime.fromtimestamp(self.clock.now, UTC),
        )

    def pace(self, seconds: float = 300.0) -> Pace:
        return Pace(seconds=seconds, clock=self.clock, sleep=self.clock.sleep, chance=lambda: 0.5)

    def received(self, data: bytes, *, sequence: int = 1, age: float = 0.0) -> Received:
        arrived = datetime.fromtimestamp(self.clock.now - age, UTC)
        return Received(ARN, "shard-0", str(sequence), arrived, data)

    def invoke(self, shard: str, batch: Sequence[Record]) -> dict[str, Any]:
        """Answer as the handler does."""
        pace, failed = self.pace(), []
        records = [
            Received(
                ARN, shard, each.sequence, datetime.fromtimestamp(each.arrived, UTC), each.source
            )
            for each in batch
        ]
        known = self.consumer.begin(records)
        ended = self.consumer.consume_together(records, pace, known)
        for record in records:
            if record.position not in ended:
                with contextlib.suppress(Exception):  # as the handler's library does
                    ended[record.position] = self.consumer.consume(record, pace, known)
        self.consumer.tell(known, pace)
        for record in records:
            if record.position not in ended or known.waits(record):
                failed.append({"itemIdentifier": record.sequence})
            else:
                self.outcomes[ended[record.position]] += 1
        return {"batchItemFailures": failed}

    def consume(self, record: Received, pace: Pace | None = None) -> Outcome:
        """End one record, as an invocation with no other does."""
        pace = pace or self.pace()
        batch = self.consumer.begin([record])
        outcome = self.consumer.consume(record, pace, batch)
        self.consumer.tell(batch, pace)
        if batch.waits(record):
            raise Unavailable("The event could not be told.")
        return outcome

    def _step(self, what: str) -> None:
        self.step(what)

    def _infer(self, asked: InferenceRequest) -> Inferred:
        self.step("infer")
        self.endpoint(asked)
        self.asked[asked.prediction_id] += 1
        self.clock.sleep(0.01)
        number = self.asked[asked.prediction_id]
        made = Prediction(
            label="7",
            probability=0.9,
            probabilities={"7": 0.9},
            model_version="run-1",
            prediction_id=asked.prediction_id,
            variant="ModelA",
            latency_ms=float(number),
        )
        told = InferenceEvent(
            **made.model_dump(),
            time=datetime.fromtimestamp(self.clock.now, UTC),
            image_sha256="ab",
        )
        self.step("has inferred")
        return Inferred(made, told)

    def _ask(
        self, images: Sequence[Payload], _names: Sequence[str], _variant: str | None
    ) -> list[Inferred | ErrorDetail]:
        """Answer as the endpoint does that is asked about several images at once."""
        self.invocations += 1
        answers = list[Inferred | ErrorDetail]()
        for image in images:
            try:
                answers.append(self._infer(InferenceRequest.model_validate_json(image.body)))
            except RequestRefused as error:
                answers.append(status_of(error)[1].error)
        return answers

    def _publish(self, events: Sequence[InferenceEvent]) -> None:
        self.step("publish")
        self.events += [each.model_dump_json() for each in events]
        self.step("has published")

    def _send(self, message: str) -> None:
        self.step("send")
        self.messages.append(json.loads(message))
        self.step("has sent")


def consumed(world: World, record: Received) -> Outcome:
    """Hand a record over until it ends, however often the consumer does."""
    for _ in range(10):
        try:
            return world.consume(record)
        except Crash:
            continue
    raise AssertionError("it never ends")
