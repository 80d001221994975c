"""Answers ``GET /images/{id}`` and ``GET /images``: what is known of images."""

import time

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from visionml.aws import secrets
from visionml.aws.bucket import Bucket
from visionml.aws.session import Aws
from visionml.aws.table import Table
from visionml.contracts.environment import ImageReaderEnvironment
from visionml.contracts.images import ImageAnswer, ImageList
from visionml.errors import RequestRefused
from visionml.handlers.answering import Reply, answering
from visionml.intake.pseudonyms import Pseudonyms
from visionml.intake.questions import question_of
from visionml.intake.records import KEYS, Images

environment = ImageReaderEnvironment.read()
aws = Aws()
signing = aws.client("s3", signature_version="s3v4", s3={"addressing_style": "virtual"})
bucket = Bucket(signing, environment.images_bucket)
images = Images(Table(aws.dynamodb, environment.images_table, keys=KEYS))
secret_client = aws.client("secretsmanager")
pseudonyms = Pseudonyms(lambda: secrets.read(secret_client, environment.pseudonym_secret))


@answering(environment)
def handler(request: APIGatewayProxyEvent) -> Reply:
    """Answer a proxy event with an ``ImageAnswer`` or an ``ImageList``."""
    image_id = (request.path_parameters or {}).get("id")
    if image_id is not None:
        return Reply(200, one(image_id))
    return Reply(200, listed(request.query_string_parameters or {}))


def one(image_id: str) -> ImageAnswer:
    """Return what is known of an image, with links to its previews."""
    record = images.find(image_id) if image_id else None
    # DynamoDB deletes what has expired some days later
    if record is None or (record.expires is not None and record.expires <= time.time()):
        raise RequestRefused(
            f"There is no image {image_id[:64]!r}.",
            code="unknown_image",
            status=404,
            hint="An image that was just sent is known in some seconds.",
        )
    seconds = environment.link_seconds
    urls = {size: bucket.link(key, seconds=seconds) for size, key in record.previews.items()}
    return ImageAnswer.model_validate(
        {
            **record.model_dump(),
            "preview_urls": urls,
            "urls_expire_seconds": seconds if urls else None,
        }
    )


def listed(parameters: dict[str, str]) -> ImageList:
    """Return the page of images that the parameters of a query ask for."""
    return images.ask(question_of(parameters, pseudonyms=pseudonyms))
