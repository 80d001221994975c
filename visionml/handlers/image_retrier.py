"""Has images looked at that nobody has looked at: on a schedule, or those that somebody names."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from visionml.aws import executions, topics
from visionml.aws.bucket import Bucket
from visionml.aws.session import Aws
from visionml.aws.table import Table
from visionml.contracts.detector import DetectionOrder, Organised
from visionml.contracts.environment import ImageRetrierEnvironment
from visionml.contracts.images import ImageRecord, ProcessingStatus
from visionml.handlers.observability import Event, logger, metrics, observed
from visionml.intake.records import KEYS, Images
from visionml.intake.retrying import WAITING, Outcome, Retrier, before
from visionml.intake.telling import notice, subject

_COUNTED = {Outcome.STARTED: "ImagesTriedAgain", Outcome.GIVEN_UP: "ImagesGivenUp"}
_AT_ONCE = 5000
"""Images of a status that one invocation looks at."""
_LEFT_MS = 20_000
"""What is left of the function's time when it stops; the next time it goes on."""

environment = ImageRetrierEnvironment.read()
aws = Aws()
bucket = Bucket(aws.s3, environment.images_bucket)


def _detect(order: DetectionOrder, name: str) -> None:
    executions.start(
        aws.states,
        environment.detection_machine_arn,
        name=name,
        payload=order.model_dump(mode="json"),
    )


def _tell(organised: Organised) -> None:
    """Tell people as the detector's last step does, but for a link: the picture may be anywhere."""
    bare = organised.model_copy(update={"preview_key": None})
    told = notice(bare, bucket=bucket, link_seconds=1, now=datetime.now(UTC))
    topic = environment.uncertain_topic_arn
    topics.announce(aws.sns, topic, subject=subject(told), message=told.model_dump_json())


retrier = Retrier(
    Images(Table(aws.dynamodb, environment.images_table, keys=KEYS)),
    _detect,
    _tell,
    environment.retry_attempts,
)


@observed
def handler(event: Event, context: LambdaContext) -> Event:
    """Take ``{"images": [...]}``, ``{"status": "failed"}``, or anything else for what is due.

    What was asked for is tried whatever was tried before. The answer has the images' ids by what
    became of them, and ``done``, false where the time was over.
    """
    named = "images" in event or "status" in event
    found, done = dict[str, list[str]](), True
    for record in _wanted(event):
        if context.get_remaining_time_in_millis() < _LEFT_MS:
            done = False
            break
        outcome = retrier.retry(record, asked=named)
        found.setdefault(outcome.value, []).append(record.image_id)
    _count(Counter({outcome: len(ids) for outcome, ids in found.items()}))
    return {"outcomes": found if named else {}, "done": done}


def _wanted(event: Event) -> Iterator[ImageRecord]:
    if "images" in event:
        yield from filter(None, map(retrier.images.find, event["images"]))
        return
    named = "status" in event
    for status in [ProcessingStatus(event["status"])] if named else WAITING:
        failed = status is ProcessingStatus.FAILED
        moment = before(0 if named and failed else environment.retry_seconds)
        due = retrier.due(status, before=moment, all_of_them=named)
        # all of them first: what is tried again changes its status
        yield from list(islice(due, _AT_ONCE))


def _count(outcomes: Counter[str]) -> None:
    for outcome, name in _COUNTED.items():
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=outcomes[outcome.value])
    logger.info("images tried again", extra={"outcomes": dict(outcomes)})
