"""Functions that read Kinesis streams: batches of each shard, and what becomes of them.

MiniStack's own poller knows nothing of partial failures, retries, ages and destinations, and
lets one slow function hold up all others.
"""

import json
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from visionml.local import ministack
from visionml.local.ministack import Call, Properties, Provisioned, StreamMapping
from visionml.local.shard_progress import Discarded, Progress, Record, Rules, first_failed

log = logging.getLogger("visionml.local")

_SUCCESS = "OK"
_PROBLEM = "PROBLEM: Function call failed"


def install() -> None:
    """Serve the mappings from now on, and let stacks register consumers of streams."""
    ministack.poll_streams_with(Reader().poll)
    ministack.take_consumers_as_sources()
    ministack.register_resource_type(
        "AWS::Kinesis::StreamConsumer",
        create=_register,
        update=lambda arn, _old, new, _stack: Provisioned(arn, _attributes(arn, new)),
        delete=lambda arn, _properties: ministack.deregister_stream_consumer(arn),
        replaced_by=("ConsumerName", "StreamARN"),
        tags=None,
    )


def _register(_logical_id: str, properties: Properties, _stack: str) -> Provisioned:
    made = ministack.register_stream_consumer(properties["StreamARN"], properties["ConsumerName"])
    arn = str(made["ConsumerARN"])
    return Provisioned(arn, _attributes(arn, properties))


def _attributes(arn: str, properties: Properties) -> dict[str, str]:
    return {
        "ConsumerARN": arn,
        "ConsumerName": properties["ConsumerName"],
        "ConsumerStatus": "ACTIVE",
        "ConsumerCreationTimestamp": arn.rpartition(":")[2],
        "StreamARN": properties["StreamARN"],
    }


@dataclass
class Reader:
    """Reads all shards of all mapped streams, each in its turn."""

    _progress: dict[tuple[str, ...], Progress] = field(default_factory=dict)
    _known: set[tuple[str, str, str]] = field(default_factory=set)
    """Mappings that have begun."""
    _busy: set[tuple[str, ...]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def poll(self) -> bool:
        """Hand over a batch of each lane that waits for one; return whether there was any."""
        self._forget()
        worked = [
            self._begin(mapping, shard, lane)
            for mapping in ministack.stream_mappings()
            for shard in self._shards(mapping)
            for lane in range(_lanes(mapping))
        ]
        return any(worked)

    def _forget(self) -> None:
        """Drop what is known of mappings that were deleted."""
        gone = [key for key in self._known if not ministack.mapping_exists(key)]
        for key in gone:
            self._known.discard(key)
            for place in [each for each in self._progress if each[:3] == key]:
                del self._progress[place]

    def _shards(self, mapping: StreamMapping) -> list[str]:
        """Return the shards to read; a mapping begins where its starting position says."""
        shards = list(mapping.shards)
        latest = mapping.record.get("StartingPosition") != "TRIM_HORIZON"
        # one that comes later has its beginning read, as it goes on from another
        latest = latest and mapping.key not in self._known
        for shard in shards:
            begin = mapping.last(shard) if latest else 0
            for lane in range(_lanes(mapping)):
                self._progress.setdefault(_place(mapping, shard, lane), Progress(done=begin))
        self._known.add(mapping.key)
        return shards

    def _begin(self, mapping: StreamMapping, shard: str, lane: int) -> bool:
        place = _place(mapping, shard, lane)
        progress, turn = self._progress[place], _Turn(mapping, shard, lane, self._progress[place])
        with self._lock:
            if place in self._busy or time.time() < progress.wait_until:
                return False
            last = mapping.last(shard)
            if not turn.records(1):
                progress.done = max(progress.done, last)  # all of it is other lanes'
                return False
            self._busy.add(place)

        def work() -> None:
            try:
                turn.take()
            except Exception:
                log.exception("A batch of %s could not be handed over.", mapping.function_name)
                progress.wait_until = time.time() + 1
            finally:
                with self._lock:
                    self._busy.discard(place)
                ministack.wake_mappings()

        ministack.start_thread(work, name=f"shard-{shard}")
        return True


def _lanes(mapping: StreamMapping) -> int:
    """Return how many batches of a shard may be under way at once."""
    return int(mapping.record.get("ParallelizationFactor") or 1)


def _place(mapping: StreamMapping, shard: str, lane: int) -> tuple[str, ...]:
    return (*mapping.key, shard, f"{lane}/{_lanes(mapping)}")


@dataclass(frozen=True)
class _Turn:
    """One batch of one lane of a shard."""

    mapping: StreamMapping
    shard: str
    lane: int
    progress: Progress

    def records(self, most: int) -> list[Record]:
        """Return the next records that are not done with."""
        found = self.mapping.records(
            self.shard, self.progress.done, most, lane=self.lane, lanes=_lanes(self.mapping)
        )
        return [
            Record(each["SequenceNumber"], each["ApproximateArrivalTimestamp"], each)
            for each in found
        ]

    def take(self) -> None:
        rules = Rules.of(self.mapping.record)
        records = self.records(rules.batch)
        aged = self.progress.aged(records, rules, time.time())
        if aged is not None:
            self._report(aged, None)
            return
        batch = self.progress.batch(records, rules)
        event = self.mapping.event(self.shard, [each.source for each in batch])
        if event is None:
            self.progress.ended(batch, rules, None, time.time())
            return
        self._measure(batch[-1].arrived)
        answer = ministack.invoke_function(self.mapping.function, event)
        if answer.get("throttle"):
            self.progress.wait_until = time.time() + 1
            return
        failed = 0 if answer.get("error") else first_failed(batch, answer.get("body"), rules)
        self.mapping.record["LastProcessingResult"] = _PROBLEM if answer.get("error") else _SUCCESS
        discarded = self.progress.ended(batch, rules, failed, time.time())
        if discarded is not None:
            self._report(discarded, answer)

    def _measure(self, arrived: float) -> None:
        """Publish how old the batch's last record is when the function gets it."""
        datum = {
            "MetricName": "IteratorAge",
            "Dimensions": [{"Name": "FunctionName", "Value": self.mapping.function_name}],
            "Value": max(0.0, (time.time() - arrived) * 1000),
            "Unit": "Milliseconds",
        }
        ministack.put_metric_data("AWS/Lambda", [datum])

    def _report(self, discarded: Discarded, answer: Mapping[str, Any] | None) -> None:
        """Tell the mapping's destination of records that were given up."""
        log.warning(
            "%s: %d records of %s are given up: %s.",
            self.mapping.function_name,
            len(discarded.records),
            self.shard,
            discarded.condition,
        )
        settings = self.mapping.record.get("DestinationConfig") or {}
        target = (settings.get("OnFailure") or {}).get("Destination")
        if not target:
            return
        body = json.dumps(self._document(discarded, answer))
        session = ministack.register_session(self.mapping.role, "lambda-destination")
        service = target.split(":")[2]
        call = _message_to_queue(target, body) if service == "sqs" else _to_topic(target, body)
        status, _headers, content = ministack.call_as(session, service, call)[0]
        if status >= 300:
            log.warning(
                "The destination %s refused: %s", target, content.decode("utf-8", "replace")
            )

    def _document(self, discarded: Discarded, answer: Mapping[str, Any] | None) -> dict[str, Any]:
        first, last = discarded.records[0], discarded.records[-1]
        response = {"statusCode": 200, "executedVersion": "$LATEST", "functionError": None}
        if answer is not None and answer.get("error"):
            response["functionError"] = "Unhandled"
        return {
            "requestContext": {
                "requestId": str(uuid4()),
                "functionArn": self.mapping.record["FunctionArn"],
                "condition": discarded.condition,
                "approximateInvokeCount": discarded.attempts,
            },
            "responseContext": response if answer is not None else None,
            "version": "1.0",
            "timestamp": _iso(time.time()),
            "KinesisBatchInfo": {
                "shardId": self.shard,
                "startSequenceNumber": first.sequence,
                "endSequenceNumber": last.sequence,
                "approximateArrivalOfFirstRecord": _iso(first.arrived),
                "approximateArrivalOfLastRecord": _iso(last.arrived),
                "batchSize": len(discarded.records),
                "streamArn": self.mapping.record["EventSourceArn"].partition("/consumer/")[0],
            },
        }


def _message_to_queue(queue: str, body: str) -> Call:
    *_, region, account, name = queue.split(":")
    url = f"https://sqs.{region}.amazonaws.com/{account}/{name}"
    headers = {
        "x-amz-target": "AmazonSQS.SendMessage",
        "content-type": "application/x-amz-json-1.0",
    }
    message = json.dumps({"QueueUrl": url, "MessageBody": body})
    return Call("POST", "/", message.encode(), headers=headers)


def _to_topic(topic: str, body: str) -> Call:
    form = {"Action": "Publish", "Version": "2010-03-31", "TopicArn": topic, "Message": body}
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return Call("POST", "/", urlencode(form).encode(), headers=headers)


def _iso(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
