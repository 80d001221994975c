"""Puts an image into the folder of its animal: the second step of the detector."""

from aws_lambda_powertools import single_metric
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from visionml.aws.bucket import Bucket
from visionml.aws.session import Aws
from visionml.aws.table import Table
from visionml.contracts.detector import OrganiseOrder
from visionml.contracts.environment import FileManagerEnvironment
from visionml.handlers.observability import Event, count, logger, observed
from visionml.intake.organising import organise
from visionml.intake.records import KEYS, Images

environment = FileManagerEnvironment.read()
aws = Aws()
bucket = Bucket(aws.s3, environment.images_bucket)
images = Images(Table(aws.dynamodb, environment.images_table, keys=KEYS))


@observed
def handler(event: Event, _context: LambdaContext) -> Event:
    """Answer an ``OrganiseOrder`` with what is true afterwards: an ``Organised``."""
    asked = OrganiseOrder.model_validate(event)
    logger.append_keys(image_id=asked.order.image_id)
    organised = organise(asked, bucket=bucket, images=images)
    detection = organised.detection
    count("ImagesOrganised")
    with single_metric(name="ImagesOrganised", unit=MetricUnit.Count, value=1) as metric:
        metric.add_dimension(name="animal", value=detection.animal)
    if detection.uncertainty:
        count("ImagesUncertain")
    logger.info(
        "image organised",
        extra={"animal": detection.animal, "uncertainty": detection.uncertainty},
    )
    return organised.model_dump(mode="json")
