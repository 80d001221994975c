"""Writes what happens to a training run to the lineage table; refuses a run id that exists."""

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from visionml.aws.session import Aws
from visionml.aws.table import Table
from visionml.contracts.environment import RunRecorderEnvironment
from visionml.contracts.training import RunEvent
from visionml.handlers.observability import Event, logger, metrics, tracer
from visionml.registry import runs
from visionml.registry.lineage import Lineage

environment = RunRecorderEnvironment.read()
lineage = Lineage(Table(Aws().dynamodb, environment.lineage_table))


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event: Event, _context: LambdaContext) -> Event:
    """Record a ``RunEvent`` and answer the run's id and status."""
    told = RunEvent.model_validate(event)
    logger.append_keys(run_id=told.request.run_id)
    status = runs.record(lineage, told)
    metrics.add_metric(name=f"Runs{status.capitalize()}", unit=MetricUnit.Count, value=1)
    logger.info("run recorded", extra={"status": status, "step": told.step})
    return {"run_id": told.request.run_id, "status": status}
