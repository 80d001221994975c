"""Claims the endpoint for a deployment, checks what it asks for, and says what to create."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from visionml.aws import alarms, endpoint, executions
from visionml.aws.packages import Packages
from visionml.aws.parameters import Parameters
from visionml.aws.s3 import Objects
from visionml.aws.session import Aws
from visionml.aws.table import Table
from visionml.contracts.deployment import DeploymentStart
from visionml.contracts.environment import DeploymentPlannerEnvironment
from visionml.contracts.settings import RolloutSettings
from visionml.handlers.observability import Event, count, logger, observed
from visionml.promotion.claim import Claims
from visionml.promotion.plan import Production, Registered, Target, plan
from visionml.promotion.record import begin
from visionml.promotion.rollback import check_served
from visionml.registry.lineage import Lineage
from visionml.registry.versions import Versions

environment = DeploymentPlannerEnvironment.read()
aws = Aws()
table = Table(aws.dynamodb, environment.lineage_table)
claims = Claims(table, environment.endpoint_name)
lineage = Lineage(table)
registered = Registered(
    versions=Versions(Parameters(aws.parameters), environment.resource_prefix),
    packages=Packages(aws.sagemaker),
    objects=Objects(aws.s3),
)
target = Target(
    prefix=environment.resource_prefix,
    environment=environment.environment,
    staging_endpoint=environment.staging_endpoint,
    instance_type=environment.instance_type,
    minimum_instances=environment.instance_count,
    traffic_model_a=environment.traffic_model_a,
    rollout=RolloutSettings.model_validate_json(environment.rollout),
    alarms=tuple(filter(None, environment.rollback_alarms.split(","))),
)


def production() -> Production:
    """Look at the endpoint and its alarms."""
    state = endpoint.describe(aws.sagemaker, environment.endpoint_name)
    return Production(
        endpoint=state,
        artefacts=endpoint.artefacts(aws.sagemaker, state.config_name),
        alarms=alarms.describe(aws.cloudwatch, target.alarms),
    )


def running(execution: str) -> bool:
    """Tell whether an execution of the deployment machine still runs."""
    return executions.status(aws.states, execution) == "RUNNING"


@observed
def handler(event: Event, _context: LambdaContext) -> Event:
    """Turn a ``DeploymentStart`` into a ``DeploymentPlan``, or refuse it with the reason."""
    start = DeploymentStart.model_validate(event)
    request = start.request
    logger.append_keys(deployment_id=request.deployment_id, model_version=request.model_version)
    claims.take(start, seconds=environment.claim_seconds, running=running)
    begin(lineage, request)
    planned = plan(start, registered=registered, production=production(), target=target)
    if request.kind == "rollback":
        for model in planned.models:
            check_served(lineage, model.version)
    count("DeploymentsPlanned")
    logger.info("deployment planned", extra={"strategy": planned.strategy})
    return planned.model_dump(mode="json")
