# ruff: noqa: SLF001  (these modules exist to touch what MiniStack does not offer)
"""Event source mappings of Kinesis streams and consumers, and what their functions answer."""

import base64
import bisect
import dataclasses
import itertools
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ministack.core.concurrency import esm_wake
from ministack.services import kinesis, lambda_svc

from visionml.local.internals.scope import account, region, scope


@dataclass(frozen=True)
class StreamMapping:
    """An enabled mapping of a stream of this account, in its scope."""

    record: dict[str, Any]
    """What GetEventSourceMapping describes."""
    account: str
    region: str
    function: Mapping[str, Any]
    shards: Mapping[str, Mapping[str, Any]]
    """The stream's shards by name."""

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from all others."""
        return self.account, self.region, str(self.record["UUID"])

    @property
    def role(self) -> str:
        """The function's execution role."""
        return str(self.function["config"].get("Role", ""))

    @property
    def function_name(self) -> str:
        """The function's name."""
        return str(self.function["config"].get("FunctionName", ""))

    def records(
        self, shard: str, after: int, most: int, *, lane: int = 0, lanes: int = 1
    ) -> Sequence[Mapping[str, Any]]:
        """Return records of a shard that follow a sequence number.

        Of several `lanes` those of one are returned; records of one partition key share a lane.
        """
        kept = self.shards[shard]["records"]
        start = bisect.bisect_right(kept, after, key=lambda each: int(each["SequenceNumber"]))
        if lanes == 1:
            found: Sequence[Mapping[str, Any]] = kept[start : start + most]
            return found
        of_lane = (
            each
            for each in itertools.islice(kept, start, None)
            if zlib.crc32(str(each["PartitionKey"]).encode()) % lanes == lane
        )
        return list(itertools.islice(of_lane, most))

    def last(self, shard: str) -> int:
        """Return the sequence number of a shard's latest record, 0 when there is none."""
        kept = self.shards[shard]["records"]
        return int(kept[-1]["SequenceNumber"]) if kept else 0

    def event(self, shard: str, records: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
        """Return the event of records, None where the mapping filters all of them out."""
        made = [self._made(shard, each) for each in records]
        kept = lambda_svc._apply_filter_criteria(made, self.record)
        return {"Records": kept} if kept else None

    def _made(self, shard: str, record: Mapping[str, Any]) -> dict[str, Any]:
        data = record["Data"]
        return {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": record["PartitionKey"],
                "sequenceNumber": record["SequenceNumber"],
                "data": base64.b64encode(data).decode() if isinstance(data, bytes) else data,
                "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"],
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{shard}:{record['SequenceNumber']}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": self.role,
            "awsRegion": self.region,
            "eventSourceARN": self.record["EventSourceArn"],
        }


def take_consumers_as_sources() -> None:
    """Let mappings name a consumer of a stream where they may name the stream."""
    own = lambda_svc._kinesis_stream_name_from_arn_spec

    def stream_of(spec: Any) -> str | None:
        stream, found, _consumer = str(spec.resource).partition("/consumer/")
        name: str | None = own(dataclasses.replace(spec, resource=stream) if found else spec)
        return name

    lambda_svc._kinesis_stream_name_from_arn_spec = stream_of


def register_stream_consumer(stream_arn: str, name: str) -> Mapping[str, Any]:
    """Register a consumer of a stream, and return what DescribeStreamConsumer tells of it."""
    status, _headers, body = kinesis._register_consumer(
        {"StreamARN": stream_arn, "ConsumerName": name}
    )
    answer = json.loads(body)
    if status >= 300:
        raise ValueError(answer.get("message") or f"The consumer {name} was not registered.")
    registered: Mapping[str, Any] = answer["Consumer"]
    return registered


def deregister_stream_consumer(consumer_arn: str) -> None:
    """Forget a consumer; one that is gone already is no error."""
    kinesis._consumers.pop(consumer_arn, None)


def poll_streams_with(poll: Callable[[], bool]) -> None:
    """Have Kinesis mappings served by a function that MiniStack's poller calls again and again.

    It tells whether there was work; without any it is called a second later, or when a stream
    gets a record or `wake_mappings` is called.
    """
    lambda_svc._poll_kinesis = poll


def wake_mappings() -> None:
    """Have the mappings looked at now."""
    esm_wake.set()


def stream_mappings() -> Iterator[StreamMapping]:
    """Yield the enabled Kinesis mappings, each within its scope."""
    for account_id, region_name, record in lambda_svc._iter_all_esms():
        with scope(account_id, region_name):
            enabled = str(record.get("Enabled", True)).lower() != "false"
            found = _mapping(record) if enabled else None
            if found is not None:
                yield found


def mapping_exists(key: tuple[str, str, str]) -> bool:
    """Tell whether a mapping has not been deleted."""
    account_id, region_name, name = key
    with scope(account_id, region_name):
        return lambda_svc._esms.get(name) is not None


def invoke_function(function: Mapping[str, Any], event: Mapping[str, Any]) -> dict[str, Any]:
    """Run a function and return ``body``, and ``error`` or ``throttle`` where it has none."""
    return dict(lambda_svc._execute_function(function, event))


def _mapping(record: dict[str, Any]) -> StreamMapping | None:
    source = str(record.get("EventSourceArn", ""))
    if not source.startswith(f"arn:aws:kinesis:{region()}:{account()}:stream/"):
        return None
    name, _, consumer = source.partition("/")[2].partition("/")
    if consumer and source not in kinesis._consumers:
        return None
    stream = kinesis._streams.get(name)
    function, _config = lambda_svc._get_func_record_for_qualifier(
        record["FunctionName"], record.get("Qualifier")
    )
    if function is None or not stream or stream["StreamStatus"] != "ACTIVE":
        return None
    return StreamMapping(record, account(), region(), function, stream["shards"])
