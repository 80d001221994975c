"""Asks the endpoint for known images while a version is rolled out, and publishes how it did.

Neither images nor answers are logged or traced.
"""

from functools import lru_cache

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import ValidationError

from visionml.aws import metrics as figures
from visionml.aws.invocation import invoke
from visionml.aws.parameters import Parameters
from visionml.aws.s3 import Objects
from visionml.aws.session import Aws
from visionml.contracts.environment import DeploymentProberEnvironment
from visionml.contracts.inference import ContainerPrediction
from visionml.contracts.names import METRIC_NAMESPACE
from visionml.contracts.probes import PROBE_ACCURACY, PROBES, ProbeRequest
from visionml.errors import VisionmlError
from visionml.handlers.observability import Event, count, logger, observed
from visionml.promotion import known_images
from visionml.promotion.known_images import KnownImage
from visionml.promotion.probes import AT_ONCE, SECONDS, look, reference
from visionml.registry.versions import Versions

READ_SECONDS = 5.0
RESERVE_SECONDS = 9.0
"""What is left of the function's time for answers under way, and for publishing."""

environment = DeploymentProberEnvironment.read()
aws = Aws()
objects = Objects(aws.s3)
versions = Versions(Parameters(aws.parameters), environment.resource_prefix)
runtime = aws.client(
    "sagemaker-runtime",
    connect_timeout=2,
    read_timeout=READ_SECONDS,
    retries={"mode": "standard", "total_max_attempts": 1},
    max_pool_connections=AT_ONCE,
)


@observed
def handler(event: Event, context: LambdaContext) -> Event:
    """Look once on behalf of the ``DeploymentPlan`` in `plan` and answer a ``ProbeReport``."""
    request = ProbeRequest.model_validate(event["plan"])
    logger.append_keys(model_version=request.model_version)
    known = reference(request, versions)
    images = _images(known.dataset, known.dataset_version)
    left = context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS
    report = look(images, request.model_version, ask=_ask, seconds=min(SECONDS, left))
    if report.accuracy is not None:
        figures.publish(
            aws.cloudwatch,
            METRIC_NAMESPACE,
            {PROBE_ACCURACY: report.accuracy, PROBES: report.judged},
            dimensions={"EndpointName": request.endpoint_name},
        )
    count("ProbeLooks")
    logger.info("known images asked for", extra=report.model_dump(exclude={"model_version"}))
    return report.model_dump(mode="json")


@lru_cache(maxsize=1)
def _images(dataset: str, version: str) -> tuple[KnownImage, ...]:
    """Read the images once for all looks that this process takes."""
    found = known_images.read(
        objects,
        raw_bucket=environment.raw_bucket,
        datasets_bucket=environment.datasets_bucket,
        dataset=(dataset, version),
        count=environment.probes,
    )
    return tuple(found)


def _ask(image: KnownImage) -> ContainerPrediction | None:
    try:
        answer = invoke(
            runtime, environment.endpoint_name, image.content, content_type=image.content_type
        )
        if answer.status == 200:
            return ContainerPrediction.model_validate_json(answer.body)
    except (VisionmlError, ValidationError):
        logger.info("a known image was not answered", exc_info=True)
    return None
