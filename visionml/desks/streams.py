"""The streams of requests and events: what waits there, what failed, and sending it again."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Literal, NamedTuple

import pandas as pd
from pydantic import ValidationError

from visionml.aws import stream as aws_stream
from visionml.aws.errors import translated
from visionml.aws.queue import Queue, Waiting
from visionml.aws.stream import Found, read_range, read_since, shards
from visionml.aws.table import Table
from visionml.contracts.stream import GivenUp
from visionml.desks.card import Card
from visionml.desks.datasets import Sample
from visionml.desks.platform import Platform
from visionml.desks.stream_rehearsal import Rehearsal, rehearse
from visionml.errors import InvalidInput, NotFound
from visionml.serving.predictions import Predictions
from visionml.serving.replay import Judge, Replayed, of_events, of_requests, replay
from visionml.serving.truths import Truths

Kind = Literal["requests", "events"]
Moment = str | datetime
"""A moment, or as text in the form of ISO 8601; without a zone it is UTC."""
OnProgress = Callable[[int, int], None]
"""Takes how much is done, and of how much."""

_HIDDEN_SECONDS = 300
_LOOKED_AT = 500
_CONSUMER = "prediction_consumer"


class Answered(NamedTuple):
    """What the queue of failures told of, and what became of it."""

    replayed: Replayed
    messages: int
    """That were dealt with and deleted, or would be."""
    gone: int
    """Records that the stream does not keep any more; their messages stay."""


class Streams:
    """The Kinesis streams of an environment and the queue of failures."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    @cached_property
    def _kinesis(self) -> Any:
        return self._platform.aws.client("kinesis")

    @cached_property
    def table(self) -> Table:
        """The table of predictions, and of records that failed."""
        return Table(self._platform.aws.dynamodb, self._platform.names.predictions_table)

    @cached_property
    def predictions(self) -> Predictions:
        """The states of requested predictions."""
        days = self._platform.settings.retention.results_days
        return Predictions(self.table, days=days)

    @cached_property
    def failures(self) -> Queue:
        """The queue that is told of records without a prediction, and of those given up."""
        sqs, name = self._platform.aws.client("sqs"), self._platform.names.failed_requests_queue
        with translated(f"find the queue {name}", hint="Deploy first: `visionml deploy`."):
            return Queue(sqs, sqs.get_queue_url(QueueName=name)["QueueUrl"])

    def name(self, kind: Kind) -> str:
        """Return the name of a stream.

        Raises
        ------
        InvalidInput
            There is no such stream.
        """
        names = self._platform.names
        known = {"requests": names.requests_stream, "events": names.events_stream}
        if kind not in known:
            raise InvalidInput(
                f"There is no stream {kind!r}.", hint=f"Use one of: {', '.join(known)}."
            )
        return known[kind]

    def put(self, contents: Sequence[tuple[bytes, str]], *, kind: Kind = "requests") -> list[str]:
        """Append contents with their keys to a stream, and return their positions."""
        places = aws_stream.put_all(self._kinesis, self.name(kind), contents)
        return [f"{shard}:{sequence}" for shard, sequence in places]

    def read(
        self,
        since: Moment,
        until: Moment | None = None,
        *,
        kind: Kind = "requests",
        on_progress: OnProgress = lambda _done, _total: None,
    ) -> Iterator[Found]:
        """Yield what arrived in a time, shard by shard, as far as the stream keeps it.

        Progress is told in seconds of stream.
        """
        begin, end = self._time(since, until)
        name = self.name(kind)
        found = shards(self._kinesis, name)
        span = max(1, int((end - begin).total_seconds()))
        for number, shard in enumerate(found):
            on_progress(number * span, len(found) * span)
            for record in read_since(self._kinesis, name, shard.name, begin, until=end):
                yield record
                passed = int((record.arrived - begin).total_seconds())
                on_progress(number * span + passed, len(found) * span)
        on_progress(len(found) * span, len(found) * span)

    def replay(
        self,
        since: Moment,
        until: Moment | None = None,
        *,
        kind: Kind = "requests",
        dry_run: bool = False,
        on_progress: OnProgress = lambda _done, _total: None,
    ) -> Replayed:
        """Send again what arrived in a time and has not ended well.

        Of requests that is what is pending or has failed, of events those whose answers are not
        kept. What ended well is left alone, so this may be done again, and after an interruption
        goes on. `until` is now at the latest; a `dry_run` only counts.
        """
        judge: Judge = of_requests(self.predictions)
        if kind == "events":
            days = self._platform.settings.retention.results_days
            judge = of_events(Truths(self.table, days=days))
        return replay(
            self.read(since, until, kind=kind, on_progress=on_progress),
            judge=judge,
            send=lambda records: self._send(records, kind),
            reopen=self.predictions.reopen,
            dry_run=dry_run,
        )

    def replay_failed(
        self,
        *,
        dry_run: bool = False,
        on_progress: OnProgress = lambda _done, _total: None,
    ) -> Answered:
        """Send again what the queue of failures tells of, and delete its messages.

        A record that is no request is not sent: its reason is in what is returned. A message
        whose records the stream does not keep any more stays.
        """
        total, told, done, gone = self.failures.depth(), Replayed(), 0, 0
        kept: list[Waiting] = []
        for message in self.failures.receive(hidden_seconds=_HIDDEN_SECONDS):
            missing = self._answer(message, told, dry_run=dry_run)
            gone += missing
            done += not missing
            if missing or dry_run:
                kept.append(message)
            else:
                self.failures.delete(message)
            on_progress(done + len(kept), max(total, done + len(kept)))
        for message in kept:
            self.failures.release(message)
        return Answered(told, done, gone)

    def rehearse(
        self,
        samples: Sequence[Sample],
        *,
        inputs: int = 200,
        patience_seconds: float = 120.0,
        on_progress: OnProgress = lambda _done, _total: None,
    ) -> Rehearsal:
        """Put good and bad records into the stream of requests, and tell how each ended.

        Images are asked for that no caller waits for. What has not ended when patience has is
        told as lost.
        """
        return rehearse(
            self,
            self._platform,
            samples,
            inputs=inputs,
            patience_seconds=patience_seconds,
            on_progress=on_progress,
        )

    def status(self) -> Card:
        """Return how the stream of requests is doing."""
        name = self.name("requests")
        found, settings = shards(self._kinesis, name), self._platform.settings.stream
        age = self._age_seconds()
        pending, looked_at = self._pending(age or 0.0)
        return Card(
            f"Stream {name}",
            {
                "mode": settings.mode,
                "shards": f"{sum(each.open for each in found)} open, "
                f"{sum(not each.open for each in found)} closed",
                "iterator age": "nothing was read lately" if age is None else f"{age:.1f} s",
                "pending": f"{pending} of the last {looked_at} requests",
                "failures told": self.failures.depth(),
            },
        )

    def failed(self) -> pd.DataFrame:
        """Return what the queue of failures tells of; the messages stay."""
        rows, seen = list[dict[str, object]](), list[Waiting]()
        for message in self.failures.receive(hidden_seconds=30):
            seen.append(message)
            told = GivenUp.model_validate_json(message.body)
            rows.append(
                {
                    "shard": told.where.shard_id,
                    "from": told.where.start_sequence_number,
                    "records": told.where.batch_size,
                    "arrived": told.where.approximate_arrival_of_first_record,
                    "reason": told.reason.code if told.reason else "given up by Lambda",
                    "message": told.reason.message if told.reason else "",
                }
            )
        for message in seen:
            self.failures.release(message)
        columns = ["shard", "from", "records", "arrived", "reason", "message"]
        return pd.DataFrame(rows, columns=pd.Index(columns))

    def _answer(self, message: Waiting, told: Replayed, *, dry_run: bool) -> int:
        """Send what one message tells of, and return how many records are gone."""
        try:
            where = GivenUp.model_validate_json(message.body).where
        except ValidationError as error:
            raise InvalidInput(
                "A message in the queue of failures tells of no records.",
                hint="Somebody else writes to it: look at the queue and delete that message.",
            ) from error
        name = self.name("requests")
        first, last = where.start_sequence_number, where.end_sequence_number
        try:
            found = list(read_range(self._kinesis, name, where.shard_id, first, last))
        except NotFound:
            return where.batch_size  # neither does the shard exist any more
        outcome = replay(
            found,
            judge=of_requests(self.predictions),
            send=lambda records: self._send(records, "requests"),
            reopen=self.predictions.reopen,
            dry_run=dry_run,
        )
        for fate in ("new", "again", "skipped", "failed"):
            setattr(told, fate, getattr(told, fate) + getattr(outcome, fate))
        told.reasons.update(outcome.reasons)
        return max(0, where.batch_size - len(found))

    def _send(self, records: Sequence[Found], kind: Kind) -> None:
        self.put([(each.data, each.key) for each in records], kind=kind)

    def _age_seconds(self) -> float | None:
        platform, now = self._platform, datetime.now(UTC)
        with translated("read the stream's age"):
            found = platform.aws.cloudwatch.get_metric_statistics(
                Namespace="AWS/Lambda",
                MetricName="IteratorAge",
                Dimensions=[{"Name": "FunctionName", "Value": platform.names.function(_CONSUMER)}],
                StartTime=now - timedelta(minutes=5),
                EndTime=now,
                Period=300,
                Statistics=["Maximum"],
            )["Datapoints"]
        return max((each["Maximum"] / 1000 for each in found), default=None)

    def _pending(self, age_seconds: float) -> tuple[int, int]:
        """Return how many of the newest requests are pending, and how many were looked at."""
        since = datetime.now(UTC) - timedelta(seconds=60 + age_seconds)
        newest = sorted(self.read(since), key=lambda each: each.arrived)[-_LOOKED_AT:]
        judge = of_requests(self.predictions)
        with ThreadPoolExecutor(8) as pool:
            fates = [each.fate for each in pool.map(judge, newest)]
        return fates.count("new"), len(fates)

    @staticmethod
    def _time(since: Moment, until: Moment | None) -> tuple[datetime, datetime]:
        # what is sent again arrives later than this, and is not read
        now = datetime.fromtimestamp(time.time(), UTC)
        begin, end = moment(since), min(moment(until) if until else now, now)
        if begin >= end:
            raise InvalidInput(
                f"{begin:%Y-%m-%d %H:%M:%S} UTC is not before {end:%Y-%m-%d %H:%M:%S} UTC.",
                hint="Times without a zone are UTC, and nothing is read that is to come.",
            )
        return begin, end


def moment(value: Moment) -> datetime:
    """Return a moment in UTC.

    Raises
    ------
    InvalidInput
        The text is none.
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            raise InvalidInput(
                f"{value!r} is no moment.", hint="Write it as 2026-11-20T10:15:00."
            ) from error
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
