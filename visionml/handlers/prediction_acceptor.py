"""Answers ``POST /inference/async``: takes an image, and says where its prediction will be."""

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from visionml.aws import stream
from visionml.aws.s3 import Objects
from visionml.aws.session import Aws
from visionml.aws.table import Table
from visionml.contracts.environment import PredictionAcceptorEnvironment
from visionml.contracts.experiments import CALLER_HEADER
from visionml.contracts.inference import HASH_HEADER, InferenceRequest
from visionml.handlers.answering import Reply, answering, body_of
from visionml.serving.deferred import submit
from visionml.serving.payload import request_of
from visionml.serving.predictions import Predictions
from visionml.serving.uploads import Uploaded

environment = PredictionAcceptorEnvironment.read()
aws = Aws()
kinesis = aws.client("kinesis", connect_timeout=2, read_timeout=5)
uploaded = Uploaded(Objects(aws.s3), environment.raw_bucket)
predictions = Predictions(
    Table(aws.dynamodb, environment.predictions_table), days=environment.results_days
)


def _send(request: InferenceRequest) -> None:
    content = request.model_dump_json().encode()
    stream.put(kinesis, environment.requests_stream, content, key=request.prediction_id)


@answering(environment)
def handler(request: APIGatewayProxyEvent) -> Reply:
    """Answer a proxy event with a pending ``PredictionState``."""
    asked = request_of(
        body_of(request),
        request.headers.get("content-type", ""),
        limit=environment.upload_limit_bytes,
        stated_hash=request.headers.get(HASH_HEADER, ""),
    )
    state = submit(
        asked,
        uploaded=uploaded,
        predictions=predictions,
        send=_send,
        caller=request.headers.get(CALLER_HEADER, ""),
    )
    return Reply(202, state, {"Location": f"/predictions/{state.prediction_id}"})
