"""Tells people of an image that they should look at: the detector's last step, where it is due."""

from datetime import UTC, datetime

from aws_lambda_powertools.utilities.typing import LambdaContext

from visionml.aws import topics
from visionml.aws.bucket import Bucket
from visionml.aws.session import Aws
from visionml.contracts.detector import Organised
from visionml.contracts.environment import NotificationServiceEnvironment
from visionml.handlers.observability import Event, count, logger, observed
from visionml.intake.telling import notice, subject

environment = NotificationServiceEnvironment.read()
aws = Aws()
sns = aws.sns
# a signature of version 4 is what objects under a key of one's own are read with
signing = aws.client("s3", signature_version="s3v4", s3={"addressing_style": "virtual"})
bucket = Bucket(signing, environment.images_bucket)


@observed
def handler(event: Event, _context: LambdaContext) -> Event:
    """Publish an ``UncertainImage`` for an ``Organised``; the answer holds no link."""
    told = notice(
        Organised.model_validate(event),
        bucket=bucket,
        link_seconds=environment.link_seconds,
        now=datetime.now(UTC),
    )
    topics.announce(
        sns,
        environment.uncertain_topic_arn,
        subject=subject(told),
        message=told.model_dump_json(),
    )
    count("PeopleTold")
    logger.info("people told", extra={"image_id": told.image_id, "uncertainty": told.uncertainty})
    return {"image_id": told.image_id, "uncertainty": told.uncertainty}
