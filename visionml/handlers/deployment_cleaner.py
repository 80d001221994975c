"""Removes, once a day, what deployments left that nobody will go back to any more."""

from datetime import UTC, datetime

from aws_lambda_powertools.utilities.typing import LambdaContext

from visionml.aws import endpoint
from visionml.aws.hosting import Hosting
from visionml.aws.parameters import Parameters
from visionml.aws.s3 import Objects
from visionml.aws.session import Aws
from visionml.aws.table import Table
from visionml.contracts.environment import DeploymentCleanerEnvironment
from visionml.contracts.lineage import model_node
from visionml.contracts.names import VARIANT_A, deployed
from visionml.handlers.observability import Event, logger, observed
from visionml.promotion import retention, rollback
from visionml.promotion.in_service import in_service
from visionml.promotion.retention import Past, Removal
from visionml.registry.lineage import Lineage
from visionml.registry.versions import Versions

environment = DeploymentCleanerEnvironment.read()
aws = Aws()
hosting, objects = Hosting(aws.sagemaker), Objects(aws.s3)
lineage = Lineage(Table(aws.dynamodb, environment.lineage_table))
versions = Versions(Parameters(aws.parameters), environment.resource_prefix)

_LONGEST_PAST = 1000


@observed
def handler(event: Event, _context: LambdaContext) -> Event:
    """Remove what is due, and answer it; with ``{"dry_run": true}`` only answer it."""
    now = datetime.now(UTC)
    removal = due(now)
    answer = {
        "hosted": [each.name for each in removal.hosted],
        "versions": list(removal.versions),
    }
    logger.info("past deployments judged", extra=answer)
    if not event.get("dry_run"):
        remove(removal, now)
    return answer


def due(now: datetime) -> Removal:
    """Look at everything that is there, and decide."""
    state = endpoint.describe(aws.sagemaker, environment.endpoint_name)
    artefacts = endpoint.artefacts(aws.sagemaker, state.config_name)
    serving = in_service(
        state,
        artefact=lambda _config: artefacts.get(VARIANT_A),
        versions=versions,
        prefix=environment.resource_prefix,
        environment=environment.environment,
    )
    past = Past(list(lineage.with_status("promoted", limit=_LONGEST_PAST)))
    made = list(
        hosting.starting(deployed(environment.resource_prefix, environment.environment, "dep-"))
    )
    staging = hosting.endpoint(environment.staging_endpoint)
    return retention.due(
        [*([staging] if staging else []), *made],
        past=past,
        in_use=retention.used(
            past,
            serving,
            models=endpoint.model_names(aws.sagemaker, state.config_name).values(),
            running=list(rollback.under_way(aws.states, environment.deployment_machine_arn)),
        ),
        restorable=restorable,
        now=now,
        models_days=environment.models_days,
    )


def restorable(version: str) -> bool:
    """Tell whether a version is registered and has not been cleaned."""
    record = versions.find(version)
    return record is not None and record.expired is None


def remove(removal: Removal, now: datetime) -> None:
    """Remove it; doing so again changes nothing."""
    for hosted in removal.hosted:
        hosting.delete(hosted)
    for version in removal.versions:
        record = versions.find(version)
        if record is None:
            continue
        objects.delete(record.artefact)
        versions.expire(record, now)
        if lineage.find(model_node(version)):
            lineage.update(model_node(version), status="expired", facts={})
