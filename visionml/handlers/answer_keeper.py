"""Keeps of every answer what has to be known when its truth is told, from the events stream."""

from collections.abc import Iterator

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.data_classes import KinesisStreamEvent
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import ValidationError

from visionml.aws.session import Aws
from visionml.aws.table import Table
from visionml.contracts.environment import AnswerKeeperEnvironment
from visionml.contracts.inference import InferenceEvent
from visionml.handlers.observability import Event, count, logger, metrics, observed
from visionml.serving.truths import Truths

environment = AnswerKeeperEnvironment.read()
truths = Truths(Table(Aws().dynamodb, environment.predictions_table), days=environment.results_days)


@observed
def handler(event: Event, _context: LambdaContext) -> Event:
    """Keep a batch; where that fails Lambda hands over all of it again, which does no harm."""
    answers = list(_read(event))
    truths.keep(answers)
    metrics.add_metric(name="AnswersKept", unit=MetricUnit.Count, value=len(answers))
    return {}


def _read(event: Event) -> Iterator[InferenceEvent]:
    for record in KinesisStreamEvent(event).records:
        try:
            yield InferenceEvent.model_validate_json(record.kinesis.data_as_bytes())
        except ValidationError:
            logger.exception("a record is no inference event")
            count("MalformedEvents")  # trying again would not mend it
