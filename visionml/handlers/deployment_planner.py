"""Checks that a version may be deployed, and says what to create for it."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from visionml.aws.endpoint import describe
from visionml.aws.packages import Packages
from visionml.aws.parameters import Parameters
from visionml.aws.s3 import Objects
from visionml.aws.session import Aws
from visionml.contracts.deployment import DeploymentRequest
from visionml.contracts.environment import DeploymentPlannerEnvironment
from visionml.handlers.observability import Event, count, logger, observed
from visionml.promotion.plan import Target, plan
from visionml.registry.versions import Versions

environment = DeploymentPlannerEnvironment.read()
aws = Aws()
packages = Packages(aws.sagemaker)
objects = Objects(aws.s3)
versions = Versions(Parameters(aws.parameters), environment.resource_prefix)
target = Target(
    prefix=environment.resource_prefix,
    environment=environment.environment,
    instance_type=environment.instance_type,
    minimum_instances=environment.instance_count,
)


@observed
def handler(event: Event, _context: LambdaContext) -> Event:
    """Turn a ``DeploymentRequest`` into a ``DeploymentPlan``, or refuse it with the reason."""
    request = DeploymentRequest.model_validate(event)
    logger.append_keys(deployment_id=request.deployment_id, model_version=request.model_version)
    planned = plan(
        request,
        versions.read(request.model_version),
        endpoint=describe(aws.sagemaker, environment.endpoint_name),
        packages=packages,
        objects=objects,
        target=target,
    )
    count("DeploymentsPlanned")
    logger.info("deployment planned", extra={"instances": planned.instance_count})
    return planned.model_dump(mode="json")
