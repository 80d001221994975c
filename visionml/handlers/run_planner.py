"""Claims a training run for an execution and says what is left to do of it."""

from datetime import timedelta

from aws_lambda_powertools.utilities.typing import LambdaContext

from visionml.aws import executions
from visionml.aws.jobs import Jobs
from visionml.aws.s3 import Objects
from visionml.aws.session import Aws
from visionml.aws.table import Table
from visionml.contracts.environment import RunPlannerEnvironment
from visionml.contracts.training import RunStart
from visionml.handlers.observability import Event, count, logger, observed
from visionml.registry.lineage import Lineage
from visionml.registry.plan import Planner

environment = RunPlannerEnvironment.read()
aws = Aws()
planner = Planner(
    graph=Lineage(Table(aws.dynamodb, environment.lineage_table)),
    objects=Objects(aws.s3),
    jobs=Jobs(aws.sagemaker),
    running=lambda execution: executions.status(aws.states, execution) == "RUNNING",
    datasets_bucket=environment.datasets_bucket,
    models_bucket=environment.models_bucket,
    image=environment.vision_image,
    reuse=timedelta(days=environment.reuse_days),
    tuning_seconds=environment.tuning_seconds,
    lambda_prepare_images=environment.lambda_prepare_images,
)


@observed
def handler(event: Event, _context: LambdaContext) -> Event:
    """Answer a ``RunStart`` with a ``RunPlan``, or refuse a run id that is taken."""
    start = RunStart.model_validate(event)
    logger.append_keys(run_id=start.request.run_id)
    planned = planner.plan(start)
    count("RunsStarted" if planned.attempt == 1 else "RunsResumed")
    logger.info("run planned", extra={"attempt": planned.attempt})
    return planned.model_dump(mode="json")
