"""Records what a deployment came to, and moves active-version when it was promoted."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from visionml.aws.endpoint import find
from visionml.aws.parameters import Parameters
from visionml.aws.session import Aws
from visionml.aws.table import Table
from visionml.contracts.deployment import DeploymentReport
from visionml.contracts.environment import DeploymentRecorderEnvironment
from visionml.handlers.observability import Event, count, logger, observed
from visionml.promotion.baseline import Baselines
from visionml.promotion.claim import Claims
from visionml.promotion.record import record
from visionml.registry.lineage import Lineage
from visionml.registry.versions import Versions

environment = DeploymentRecorderEnvironment.read()
aws = Aws()
parameters = Parameters(aws.parameters)
versions = Versions(parameters, environment.resource_prefix)
baselines = Baselines(parameters, environment.resource_prefix)
table = Table(aws.dynamodb, environment.lineage_table)
lineage = Lineage(table)
claims = Claims(table, environment.endpoint_name)


@observed
def handler(event: Event, _context: LambdaContext) -> Event:
    """Judge the deployment of a ``DeploymentReport`` and answer a ``DeploymentOutcome``."""
    report = DeploymentReport.model_validate(event)
    request = report.request
    logger.append_keys(deployment_id=request.deployment_id, model_version=request.model_version)
    outcome = record(
        report,
        endpoint=find(aws.sagemaker, environment.endpoint_name),
        versions=versions,
        lineage=lineage,
        baselines=baselines,
    )
    claims.release(request.deployment_id)
    name = "".join(word.capitalize() for word in outcome.outcome.split("_"))
    count(f"Deployments{name}")
    logger.info("deployment recorded", extra={"outcome": outcome.outcome})
    return outcome.model_dump(mode="json")
