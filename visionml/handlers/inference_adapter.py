"""Answers ``POST /inference``: an image comes in by API Gateway, a prediction goes out.

Neither images nor predictions are logged or traced. An event of each answer goes to a stream.
"""

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from visionml.aws.s3 import Objects
from visionml.aws.session import Aws
from visionml.contracts.environment import AdapterEnvironment
from visionml.contracts.experiments import CALLER_HEADER
from visionml.contracts.inference import HASH_HEADER
from visionml.handlers.answering import Reply, answering, body_of
from visionml.handlers.observability import logger
from visionml.handlers.publishing import publish, publisher_to, sticky_to
from visionml.serving.adapter import infer
from visionml.serving.payload import payload_of
from visionml.serving.sticky import pseudonym
from visionml.serving.uploads import Uploaded

# API Gateway waits 29 s, the function may run 28: an image in S3 takes up to 4, the endpoint's
# weights up to 2, the last try begins within 2, connects within 1 and is given 18.
RETRY_SECONDS = 2.0
CONNECT_SECONDS = 1
READ_SECONDS = 18

environment = AdapterEnvironment.read()
aws = Aws()
runtime = aws.client(
    "sagemaker-runtime",
    connect_timeout=CONNECT_SECONDS,
    read_timeout=READ_SECONDS,
    retries={"mode": "standard", "total_max_attempts": 1},  # `infer` knows what to try again
)
kinesis = aws.client(
    "kinesis",
    connect_timeout=1,
    read_timeout=2,
    retries={"mode": "standard", "total_max_attempts": 3},
)
uploaded = Uploaded(
    Objects(
        aws.client(
            "s3",
            connect_timeout=1,
            read_timeout=3,
            retries={"mode": "standard", "total_max_attempts": 1},
        )
    ),
    environment.raw_bucket,
)


def _read(address: str) -> bytes:
    return uploaded.read(address, limit=environment.upload_limit_bytes)


publisher = publisher_to(kinesis, environment.events_stream)
sticky = sticky_to(aws, environment.endpoint_name, environment.assignment)


@answering(environment)
def handler(request: APIGatewayProxyEvent) -> Reply:
    """Answer a proxy event with a ``Prediction``."""
    prediction, event = infer(
        payload_of(
            body_of(request),
            request.headers.get("content-type", ""),
            limit=environment.upload_limit_bytes,
            read=_read,
            stated_hash=request.headers.get(HASH_HEADER, ""),
        ),
        runtime=runtime,
        endpoint=environment.endpoint_name,
        variant=sticky.variant(pseudonym(request.headers.get(CALLER_HEADER, ""))),
        deadline_seconds=RETRY_SECONDS,
    )
    publish(publisher, event)
    logger.info(
        "image read",
        extra={"prediction_id": prediction.prediction_id, "variant": prediction.variant},
    )
    return Reply(200, prediction)
