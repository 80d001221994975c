"""Writes what happens to a training run to the lineage table."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from visionml.aws.session import Aws
from visionml.aws.table import Table
from visionml.contracts.environment import RunRecorderEnvironment
from visionml.contracts.training import RunEvent
from visionml.handlers.observability import Event, count, logger, observed
from visionml.registry import runs
from visionml.registry.lineage import Lineage

environment = RunRecorderEnvironment.read()
lineage = Lineage(Table(Aws().dynamodb, environment.lineage_table))


@observed
def handler(event: Event, _context: LambdaContext) -> Event:
    """Record a ``RunEvent`` and answer the run's id and status."""
    told = RunEvent.model_validate(event)
    logger.append_keys(run_id=told.request.run_id)
    status = runs.record(lineage, told)
    if told.action == status:
        count(f"Runs{status.capitalize()}")
    logger.info("run recorded", extra={"status": status, "step": told.step})
    return {"run_id": told.request.run_id, "status": status}
