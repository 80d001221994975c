"""Registers a model that passed its gates: package, version record, lineage."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from visionml.aws.packages import Packages
from visionml.aws.parameters import Parameters
from visionml.aws.s3 import Objects
from visionml.aws.session import Aws
from visionml.aws.table import Table
from visionml.contracts.environment import RegistrarEnvironment
from visionml.contracts.training import RegistrationRequest
from visionml.handlers.observability import Event, count, logger, observed
from visionml.registry.lineage import Lineage
from visionml.registry.register import Registry
from visionml.registry.versions import Versions

environment = RegistrarEnvironment.read()
aws = Aws()
registry = Registry(
    group=environment.model_package_group,
    packages=Packages(aws.sagemaker),
    versions=Versions(Parameters(aws.parameters), environment.resource_prefix),
    lineage=Lineage(Table(aws.dynamodb, environment.lineage_table)),
    objects=Objects(aws.s3),
    approval=environment.package_approval,
)


@observed
def handler(event: Event, _context: LambdaContext) -> Event:
    """Register what a ``RegistrationRequest`` names and answer a ``RegisteredModel``."""
    wanted = RegistrationRequest.model_validate(event)
    logger.append_keys(run_id=wanted.request.run_id)
    model = registry.register(wanted, image=environment.serving_image)
    count("ModelsRegistered")
    logger.info("model registered", extra={"model_package_arn": model.model_package_arn})
    return model.model_dump(mode="json")
