"""Asks the staging endpoint for holdout images and compares the answers with the evaluation."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from visionml.aws.invocation import invoke
from visionml.aws.s3 import Objects
from visionml.aws.session import Aws
from visionml.contracts.deployment import DeploymentPlan, PlannedModel, VariantCheck
from visionml.contracts.environment import StagingCheckerEnvironment
from visionml.contracts.names import SHADOW
from visionml.handlers.observability import Event, count, logger, observed
from visionml.promotion import known_images, staging
from visionml.promotion.known_images import KnownImage
from visionml.registry.register import read_report

environment = StagingCheckerEnvironment.read()
aws = Aws()
objects = Objects(aws.s3)
limits = staging.Limits(
    holdout_loss=environment.holdout_loss, latency_ms=environment.latency_limit_ms
)


@observed
def handler(event: Event, _context: LambdaContext) -> Event:
    """Check the models of the ``DeploymentPlan`` in `plan` and answer a ``StagingReport``."""
    plan = DeploymentPlan.model_validate(event["plan"])
    logger.append_keys(deployment_id=plan.deployment_id, model_version=plan.model_version)
    report = staging.report([_check(model) for model in plan.models if model.variant != SHADOW])
    count("StagingChecksPassed" if report.passed else "StagingChecksFailed")
    logger.info("staging endpoint checked", extra={"passed": report.passed})
    return report.model_dump(mode="json")


def _check(model: PlannedModel) -> VariantCheck:
    images = known_images.read(
        objects,
        raw_bucket=environment.raw_bucket,
        datasets_bucket=environment.datasets_bucket,
        dataset=(model.dataset, model.dataset_version),
        count=environment.holdout_images,
    )

    def send(image: KnownImage) -> tuple[int, bytes]:
        answer = invoke(
            aws.sagemaker_runtime,
            environment.staging_endpoint,
            image.content,
            content_type=image.content_type,
            variant=model.variant,
        )
        return answer.status, answer.body

    return staging.check(
        model,
        images=images,
        evaluated=read_report(objects, model.evaluation),
        limits=limits,
        send=send,
    )
