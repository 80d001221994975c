"""Charges for what keeps and carries: buckets, tables, streams, queues, logs."""

from collections.abc import Iterator

from visionml.economics.charge import Charge, Charges, World
from visionml.economics.computing import calls
from visionml.economics.template import DAYS, HOURS, Resource, kept, text
from visionml.economics.workload import Driver

_FOREVER = 365.0
"""Days that are counted for what no rule deletes."""
_EVENT_KILOBYTES = 2.0


def _bucket(resource: Resource, world: World) -> Iterator[Charge]:
    base = world.base(resource.properties.get("BucketName", resource.logical_id))
    flows = [flow for flow in world.work.flows if flow.bucket == base]
    lying = world.work.datasets.get(base, 0.0 if flows else world.assumed["other_gigabytes"])
    if lying:
        yield Charge("data that lies there", "s3-standard", lying, "training")
    for flow in flows:
        days = kept(resource, flow.prefix, deleted=flow.deleted, forever=_FOREVER)
        daily = flow.files * flow.megabytes / 1000 / DAYS
        name = flow.prefix or "all"
        driver = flow.driver
        yield Charge(f"{name} standard", "s3-standard", daily * days.standard, driver)
        yield Charge(f"{name} puts", "s3-put", flow.files, driver)
        yield Charge(f"{name} gets", "s3-get", 2 * flow.files, driver)
        if days.infrequent:
            yield Charge(f"{name} infrequent", "s3-infrequent", daily * days.infrequent, driver)
            yield Charge(f"{name} to infrequent", "s3-to-infrequent", flow.files, driver)
        if days.instant:
            yield Charge(f"{name} Glacier", "s3-glacier-instant", daily * days.instant, driver)
            yield Charge(f"{name} to Glacier", "s3-to-glacier-instant", flow.files, driver)
    announced = resource.properties.get("NotificationConfiguration", {})
    if base == "images" and "EventBridgeConfiguration" in announced:
        yield Charge("events", "eventbridge-event", world.work.storage_events, "images")


def _table(resource: Resource, world: World) -> Iterator[Charge]:
    work, properties = world.work, resource.properties
    settings = work.settings
    copies = 1 + len(properties.get("GlobalSecondaryIndexes", ()))
    kilobytes = world.assumed["record_kilobytes"]
    base = world.base(properties.get("TableName", ""))
    driver: Driver = "standing"
    if base == "images":
        writes, rows, days = 3 * work.images, work.images, settings.retention.records_days
        driver = "images"
    elif base == "predictions":
        kilobytes = 1.0
        batch = work.batch_images if settings.batch.write_table else 0.0
        rows, days = work.later + batch, settings.retention.results_days
        writes, driver = 2 * work.later + batch, "images"
    else:
        writes = rows = world.assumed["other_calls"] * DAYS
        days = round(_FOREVER)
    gigabytes = rows / DAYS * days * kilobytes * copies / 1e6
    yield Charge("writes", "dynamodb-write", writes * kilobytes * copies, driver)
    yield Charge("reads", "dynamodb-read", writes * kilobytes / 4 + rows, driver)
    yield Charge("records", "dynamodb-storage", gigabytes, driver)
    recovery = properties.get("PointInTimeRecoverySpecification", {})
    if recovery.get("PointInTimeRecoveryEnabled"):
        yield Charge("recovery", "dynamodb-recovery", gigabytes / copies, driver)


def _carried(resource: Resource, world: World) -> tuple[float, float]:
    """Return a stream's records in a month, and the kilobytes of each."""
    if world.base(resource.properties.get("Name", "")) == "requests":
        return world.work.later, world.assumed["request_kilobytes"]
    return world.work.invocations, _EVENT_KILOBYTES


def _stream(resource: Resource, world: World) -> Iterator[Charge]:
    records, kilobytes = _carried(resource, world)
    gigabytes = records * kilobytes / 1e6
    mode = resource.properties.get("StreamModeDetails", {}).get("StreamMode", "PROVISIONED")
    if mode == "ON_DEMAND":
        yield Charge("stream", "kinesis-stream", HOURS)
        yield Charge("data in", "kinesis-in", gigabytes, "predictions")
        yield Charge("data out", "kinesis-out", 2 * gigabytes, "predictions")
        return
    yield Charge("shards", "kinesis-shard", resource.properties.get("ShardCount", 1) * HOURS)
    units = records * -(-kilobytes // 25)
    yield Charge("records", "kinesis-put", units, "predictions")


def _consumer(_resource: Resource, world: World) -> Iterator[Charge]:
    shards = world.work.settings.stream.minimum_shards
    gigabytes = world.work.later * world.assumed["request_kilobytes"] / 1e6
    yield Charge("shards read", "kinesis-consumer", shards * HOURS)
    yield Charge("data read", "kinesis-consumer-out", gigabytes, "predictions")


def _delivery(resource: Resource, world: World) -> Iterator[Charge]:
    gigabytes = world.work.invocations * 5 / 1e6  # records count as 5 kB at least
    yield Charge("events", "firehose-in", gigabytes, "predictions")
    whole = text(str(resource.properties))
    if "DataFormatConversionConfiguration" in whole:
        yield Charge("conversion to Parquet", "firehose-conversion", gigabytes, "predictions")


def _queue(resource: Resource, world: World) -> Iterator[Charge]:
    base = world.base(resource.properties.get("QueueName", ""))
    if base == "intake":
        yield Charge("requests", "sqs-request", 3 * world.work.images, "images")
    else:
        yield Charge("requests", "sqs-request", world.assumed["other_calls"] * DAYS)


def _topic(resource: Resource, world: World) -> Iterator[Charge]:
    if world.base(resource.properties.get("TopicName", "")) == "uncertain":
        told = world.work.images * world.assumed["uncertain_share"]
        yield Charge("messages", "sns-publish", told, "images")
    else:
        yield Charge("messages", "sns-publish", world.assumed["other_calls"] * DAYS)


def _rule(resource: Resource, world: World) -> Iterator[Charge]:
    """Events of AWS's own services and schedules are free; the platform's own are few."""
    pattern = resource.properties.get("EventPattern", {})
    if any(str(source).startswith("visionml") for source in pattern.get("source", ())):
        yield Charge("events", "eventbridge-event", world.assumed["other_calls"] * DAYS)


def _logs(resource: Resource, world: World) -> Iterator[Charge]:
    name = text(resource.properties.get("LogGroupName", resource.logical_id))
    gigabytes = world.assumed["other_log_gigabytes"]
    driver: Driver = "standing"
    if "/lambda/" in name:
        function = Resource(resource.stack, "", "", {"FunctionName": name.rpartition("/")[2]})
        found = calls(function, world)
        gigabytes, driver = found.count * world.assumed["log_kilobytes"] / 1e6, found.driver
    elif "detection" in name:
        gigabytes, driver = world.work.images * 5 / 1e6, "images"
    elif "api" in name.lower():
        base = "images-api" if "images" in name else "api"
        gigabytes, driver = world.work.api_calls[base] * 0.5 / 1e6, "predictions"
    months = resource.properties.get("RetentionInDays", _FOREVER) / DAYS
    yield Charge("written", "logs-in", gigabytes, driver)
    yield Charge("kept, compressed", "logs-kept", gigabytes * months * 0.15, driver)


KEEPING: dict[str, Charges] = {
    "AWS::S3::Bucket": _bucket,
    "AWS::DynamoDB::Table": _table,
    "AWS::DynamoDB::GlobalTable": _table,
    "AWS::Kinesis::Stream": _stream,
    "AWS::Kinesis::StreamConsumer": _consumer,
    "AWS::KinesisFirehose::DeliveryStream": _delivery,
    "AWS::SQS::Queue": _queue,
    "AWS::SNS::Topic": _topic,
    "AWS::Events::Rule": _rule,
    "AWS::Logs::LogGroup": _logs,
}
