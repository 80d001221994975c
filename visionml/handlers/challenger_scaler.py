"""Lets the challenger's instances follow its load while there is one.

The stack sets this up for ModelA, which is always there; ModelB comes and goes by deployments.
"""

from typing import Literal

from aws_lambda_powertools.utilities.typing import LambdaContext

from visionml.aws import endpoint
from visionml.aws.session import Aws
from visionml.aws.variant_scaling import Scaling
from visionml.contracts.environment import ChallengerScalerEnvironment
from visionml.contracts.names import VARIANT_B
from visionml.contracts.scaling import ScalingRules
from visionml.handlers.observability import Event, logger, observed

environment = ChallengerScalerEnvironment.read()
aws = Aws()
sagemaker = aws.sagemaker
scaling = Scaling(aws.client("application-autoscaling"), environment.endpoint_name)
rules = ScalingRules.model_validate_json(environment.rules)


@observed
def handler(_event: Event, _context: LambdaContext) -> Event:
    """Look at the endpoint, whatever has happened, and answer what was done."""
    done = fit()
    logger.info("challenger looked at", extra={"action": done})
    return {"action": done}


def fit() -> Literal["start", "stop", "keep"]:
    """Register a challenger that is there, and forget one that has gone."""
    state = endpoint.find(sagemaker, environment.endpoint_name)
    if state and any(variant.name == VARIANT_B for variant in state.variants):
        scaling.start(VARIANT_B, rules)
        return "start"
    if scaling.scales(VARIANT_B):
        scaling.stop(VARIANT_B)
        return "stop"
    return "keep"
