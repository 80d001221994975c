"""Makes the predictions that the requests stream asks for, each once.

What the endpoint cannot answer now is handed back to Lambda, which tries it again.
"""

from datetime import UTC, datetime

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.kinesis_stream_event import KinesisStreamRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import ValidationError

from visionml.aws.s3 import Objects
from visionml.aws.session import Aws
from visionml.aws.table import Table
from visionml.contracts.environment import PredictionConsumerEnvironment
from visionml.contracts.inference import InferenceRequest
from visionml.handlers.observability import Event, count, logger, observed
from visionml.handlers.publishing import publish, publisher_to, sticky_to
from visionml.serving.adapter import Inferred, infer
from visionml.serving.deferred import fulfil
from visionml.serving.payload import payload_of_image
from visionml.serving.predictions import Predictions
from visionml.serving.uploads import Uploaded

environment = PredictionConsumerEnvironment.read()
aws = Aws()
runtime = aws.client(
    "sagemaker-runtime",
    connect_timeout=2,
    read_timeout=25,
    retries={"mode": "standard", "total_max_attempts": 1},  # `infer` knows what to try again
)
kinesis = aws.client("kinesis", connect_timeout=2, read_timeout=5)
uploaded = Uploaded(Objects(aws.s3), environment.raw_bucket)
predictions = Predictions(
    Table(aws.dynamodb, environment.predictions_table), days=environment.results_days
)
sticky = sticky_to(aws, environment.endpoint_name, environment.assignment)
processor = BatchProcessor(event_type=EventType.KinesisDataStreams)


publisher = publisher_to(kinesis, environment.events_stream, wait_seconds=5.0)


def _infer(request: InferenceRequest) -> Inferred:
    image = uploaded.read(request.s3, limit=environment.upload_limit_bytes)
    return infer(
        payload_of_image(image),
        runtime=runtime,
        endpoint=environment.endpoint_name,
        variant=sticky.variant(request.caller),
        prediction_id=request.prediction_id,
    )


def _one(record: KinesisStreamRecord) -> None:
    try:
        request = InferenceRequest.model_validate_json(record.kinesis.data_as_bytes())
    except ValidationError:
        logger.exception("a record is no request")
        count("MalformedRequests")  # trying again would not mend it
        return
    made = fulfil(request, predictions=predictions, infer=_infer, now=datetime.now(UTC))
    if made:
        count("Predictions")
        publish(publisher, made.event)


@observed
def handler(event: Event, context: LambdaContext) -> Event:
    """Return which records of a batch are to be tried again."""
    answer: Event = dict(
        process_partial_response(
            event=event, record_handler=_one, processor=processor, context=context
        )
    )
    return answer
