"""Answers ``GET /health``: 200 while predictions can be had, 503 otherwise."""

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from visionml.aws import endpoint
from visionml.aws.parameters import Parameters
from visionml.aws.session import Aws
from visionml.contracts.environment import HealthReporterEnvironment
from visionml.contracts.inference import Health
from visionml.contracts.names import active_version_parameter
from visionml.handlers.answering import Reply, answering

SERVING = frozenset({"InService", "Updating", "SystemUpdating"})
"""Statuses of an endpoint that answers; one that is updated does so from what it had before."""

environment = HealthReporterEnvironment.read()
aws = Aws()
sagemaker = aws.sagemaker
parameters = Parameters(aws.parameters)


@answering(environment)
def handler(_request: APIGatewayProxyEvent) -> Reply:
    """Answer a proxy event with ``Health``."""
    status = endpoint.describe(sagemaker, environment.endpoint_name).status
    active = parameters.find(active_version_parameter(environment.resource_prefix))
    fine = status in SERVING and active is not None
    health = Health(
        status="ok" if fine else "unavailable",
        endpoint=status,
        model_version=active.value if active else None,
    )
    return Reply(200 if fine else 503, health)
