"""Answers ``POST /uploads``: where to send an image that is too large for a request."""

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from visionml.aws.s3 import Objects
from visionml.aws.session import Aws
from visionml.contracts.environment import UploadIssuerEnvironment
from visionml.handlers.answering import Reply, answering, body_of
from visionml.serving.uploads import issue, upload_request

environment = UploadIssuerEnvironment.read()
# a signature of version 4 covers type and size; the bucket's own host takes uploads in any region
objects = Objects(Aws().client("s3", signature_version="s3v4", s3={"addressing_style": "virtual"}))


@answering(environment)
def handler(request: APIGatewayProxyEvent) -> Reply:
    """Answer a proxy event with an ``Upload``."""
    upload = issue(
        upload_request(body_of(request)),
        objects=objects,
        bucket=environment.raw_bucket,
        limit=environment.upload_limit_bytes,
    )
    return Reply(201, upload)
