"""Makes the predictions that the requests stream asks for, each once.

What the endpoint cannot answer now is waited for; what is left when there is no more time is
handed back to Lambda, which hands it over again.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cache

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes import KinesisStreamEvent
from aws_lambda_powertools.utilities.data_classes.kinesis_stream_event import KinesisStreamRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from visionml.aws import stream
from visionml.aws.queue import Queue
from visionml.aws.reads import Reads
from visionml.aws.s3 import Objects
from visionml.aws.session import Aws
from visionml.aws.table import Table
from visionml.contracts.environment import PredictionConsumerEnvironment
from visionml.contracts.inference import ErrorDetail, InferenceEvent, InferenceRequest
from visionml.errors import Unavailable
from visionml.handlers.observability import Event, metrics, observed
from visionml.handlers.publishing import sticky_to
from visionml.serving.adapter import Inferred, infer, infer_together
from visionml.serving.bundles import Bundles, Size
from visionml.serving.consuming import Consumer, Outcome
from visionml.serving.failures import Failures, Received
from visionml.serving.pace import Pace
from visionml.serving.payload import Payload, payload_of_image
from visionml.serving.predictions import Predictions
from visionml.serving.uploads import Uploaded

RESERVE_SECONDS = 60.0
"""Of an invocation's time, for what is under way when it is over."""

environment = PredictionConsumerEnvironment.read()
aws = Aws()
runtime = aws.client(
    "sagemaker-runtime",
    connect_timeout=2,
    read_timeout=25,
    max_pool_connections=max(10, environment.concurrency),
    retries={"mode": "standard", "total_max_attempts": 1},  # `infer` knows what to try again
)
kinesis = aws.client("kinesis", connect_timeout=2, read_timeout=5)


@cache
def _images() -> Reads:
    return Reads(aws, environment.raw_bucket, connections=environment.concurrency)


uploaded = Uploaded(
    Objects(aws.s3),
    environment.raw_bucket,
    fetch=lambda key, check: _images().fetch(key, check=check).content,
)
table = Table(aws.dynamodb, environment.predictions_table)
sticky = sticky_to(aws, environment.endpoint_name, environment.assignment)
processor = BatchProcessor(
    event_type=EventType.KinesisDataStreams, raise_on_entire_batch_failure=False
)

_COUNTS = {
    Outcome.MADE: "Predictions",
    Outcome.FAILED: "RecordedFailures",
    Outcome.REPEATED: "RepeatedRequests",
}


def _read(request: InferenceRequest) -> Payload:
    return payload_of_image(uploaded.read(request.s3, limit=environment.upload_limit_bytes))


def _infer(request: InferenceRequest) -> Inferred:
    return infer(
        _read(request),
        runtime=runtime,
        endpoint=environment.endpoint_name,
        variant=sticky.variant(request.caller),
        prediction_id=request.prediction_id,
    )


def _ask(
    images: Sequence[Payload], prediction_ids: Sequence[str], variant: str | None
) -> list[Inferred | ErrorDetail]:
    return infer_together(
        images,
        prediction_ids,
        runtime=runtime,
        endpoint=environment.endpoint_name,
        variant=variant,
    )


bundles = Bundles(
    read=_read,
    ask=_ask,
    variant=sticky.variant,
    size=Size(environment.images_per_invocation, environment.invocation_milliseconds),
    threads=environment.concurrency,
)


def _publish(events: Sequence[InferenceEvent]) -> None:
    records = [(each.model_dump_json().encode(), each.prediction_id) for each in events]
    stream.put_all(kinesis, environment.events_stream, records)


consumer = Consumer(
    predictions=Predictions(table, days=environment.results_days),
    failures=Failures(
        table,
        days=environment.results_days,
        send=Queue(aws.client("sqs"), environment.failures_queue).send,
    ),
    infer=_infer,
    infer_together=bundles.infer,
    publish=_publish,
    maximum_age=timedelta(seconds=environment.maximum_age_seconds),
)


def _received(record: KinesisStreamRecord) -> Received:
    return Received(
        stream=record.event_source_arn.partition("/consumer/")[0],
        shard=record.event_id.split(":")[0],
        sequence=record.kinesis.sequence_number,
        arrived=datetime.fromtimestamp(record.kinesis.approximate_arrival_timestamp, UTC),
        data=record.kinesis.data_as_bytes(),
    )


@observed
def handler(event: Event, context: LambdaContext) -> Event:
    """Return which records of a batch are to be handed over again."""
    left = context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS
    pace = Pace(seconds=min(environment.patience_seconds, left))
    records = [_received(each) for each in KinesisStreamEvent(event).records]
    batch = consumer.begin(records)
    known = consumer.consume_together(records, pace, batch)
    with ThreadPoolExecutor(environment.concurrency) as pool:
        under_way = {
            each.position: pool.submit(consumer.consume, each, pace, batch)
            for each in records
            if each.position not in known
        }
    consumer.tell(batch, pace)
    ended: list[Outcome] = []

    def end(record: KinesisStreamRecord) -> None:
        received = _received(record)
        place = received.position
        outcome = known[place] if place in known else under_way[place].result()
        if batch.waits(received):
            raise Unavailable("The event of a prediction could not be told yet.")
        ended.append(outcome)

    answer: Event = dict(
        process_partial_response(
            event=event, record_handler=end, processor=processor, context=context
        )
    )
    for outcome, name in _COUNTS.items():
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=ended.count(outcome))
    handed_back = len(records) - len(ended)
    metrics.add_metric(name="RequestsHandedBack", unit=MetricUnit.Count, value=handed_back)
    metrics.add_metric(name="EndpointWaits", unit=MetricUnit.Count, value=pace.waits)
    return answer
