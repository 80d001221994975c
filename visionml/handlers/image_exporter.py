"""Exports the images of the last days, or of a day that the event names, for queries."""

from datetime import UTC, date, datetime, timedelta

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from visionml.aws.s3 import Objects
from visionml.aws.session import Aws
from visionml.aws.table import Table
from visionml.contracts.environment import ImageExporterEnvironment
from visionml.handlers.observability import Event, metrics, observed
from visionml.intake.exporting import Exporter
from visionml.intake.records import KEYS, Images

environment = ImageExporterEnvironment.read()
aws = Aws()
exporter = Exporter(
    Images(Table(aws.dynamodb, environment.images_table, keys=KEYS)),
    Objects(aws.s3),
    environment.results_bucket,
)


@observed
def handler(event: Event, _context: LambdaContext) -> Event:
    """Take ``{"day": "2026-11-20"}``, or anything else for yesterday and the day before."""
    exported = {day.isoformat(): exporter.export(day) for day in _days(event)}
    metrics.add_metric(name="ImagesExported", unit=MetricUnit.Count, value=sum(exported.values()))
    return {"exported": exported}


def _days(event: Event) -> list[date]:
    if "day" in event:
        return [date.fromisoformat(str(event["day"]))]
    today = datetime.now(UTC).date()
    return [today - timedelta(days=ago) for ago in (2, 1)]
