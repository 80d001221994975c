"""Counts what came of a batch run."""

from datetime import UTC, datetime

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from visionml.aws.s3 import Objects
from visionml.aws.session import Aws
from visionml.batch.store import Store
from visionml.batch.summarising import summarised
from visionml.contracts.batch_machine import BatchEnd
from visionml.contracts.environment import BatchSummariserEnvironment
from visionml.handlers.observability import Event, logger, metrics, observed

environment = BatchSummariserEnvironment.read()
store = Store(Objects(Aws().s3), environment.results_bucket)


@observed
def handler(event: Event, _context: LambdaContext) -> Event:
    """Answer a ``BatchEnd`` with a ``BatchSummary``."""
    end = BatchEnd.model_validate(event)
    logger.append_keys(run_id=end.run_id)
    summary = summarised(end.run_id, store=store, now=datetime.now(UTC))
    for name, value in (
        ("BatchResults", summary.results),
        ("BatchFailures", summary.failures),
        ("BatchMissingParts", len(summary.missing_parts)),
    ):
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
    logger.info("batch run counted", extra={"outcome": summary.outcome})
    return summary.model_dump(mode="json")
