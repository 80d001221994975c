"""Starts a training run on a schedule, when a dataset version is ready, or on drift."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from visionml.aws import executions
from visionml.aws.s3 import Objects
from visionml.aws.session import Aws
from visionml.contracts.environment import RunStarterEnvironment
from visionml.dataset.catalog import latest
from visionml.handlers.observability import Event, count, logger, observed
from visionml.registry.trigger import RunTemplate, request_of

environment = RunStarterEnvironment.read()
aws = Aws()
objects = Objects(aws.s3)
template = RunTemplate.model_validate_json(environment.run_template)


@observed
def handler(event: Event, _context: LambdaContext) -> Event:
    """Turn EventBridge's event into a ``TrainingRequest`` and start the training machine."""
    request = request_of(
        event, template, latest=lambda name: latest(objects, environment.datasets_bucket, name)
    )
    logger.append_keys(run_id=request.run_id)
    execution = executions.start(
        aws.states,
        environment.training_machine_arn,
        name=request.run_id,
        payload=request.model_dump(mode="json"),
    )
    count("RunsTriggered")
    logger.info("run started", extra={"dataset_version": request.dataset_version})
    return {"run_id": request.run_id, "execution": execution}
