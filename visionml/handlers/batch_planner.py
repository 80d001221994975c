"""Gives a batch run to an execution and says what is left to do of it."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from visionml.aws import executions
from visionml.aws.parameters import Parameters
from visionml.aws.s3 import Objects
from visionml.aws.session import Aws
from visionml.batch.ordering import Orders
from visionml.batch.store import Store
from visionml.contracts.batch_machine import SOURCES, BatchStart
from visionml.contracts.environment import BatchPlannerEnvironment
from visionml.contracts.registry import VersionRecord
from visionml.contracts.settings import BatchSettings
from visionml.handlers.observability import Event, logger, observed
from visionml.registry.versions import Versions

environment = BatchPlannerEnvironment.read()
aws = Aws()
versions = Versions(Parameters(aws.parameters), environment.resource_prefix)
buckets = {"raw": environment.raw_bucket, "images": environment.images_bucket}


def _version(name: str | None) -> VersionRecord | None:
    wanted = name or versions.active()
    return versions.read(wanted) if wanted else None


orders = Orders(
    Store(Objects(aws.s3), environment.results_bucket),
    sources={buckets[kind]: prefixes for kind, prefixes in SOURCES.items()},
    settings=BatchSettings.model_validate_json(environment.batch),
    running=lambda execution: executions.status(aws.states, execution) == "RUNNING",
    version=_version,
)


@observed
def handler(event: Event, _context: LambdaContext) -> Event:
    """Answer a ``BatchStart`` with a ``BatchWork``."""
    work = orders.work(BatchStart.model_validate(event))
    logger.append_keys(run_id=work.run_id)
    logger.info("batch run planned", extra={"status": work.status, "remaining": work.remaining})
    return work.model_dump(mode="json")
