"""What Application Auto Scaling did with a variant's instances, and why."""

from typing import Any, NamedTuple

from visionml.aws.errors import translated
from visionml.aws.session import Aws

_NAMESPACE = "sagemaker"
_DIMENSION = "sagemaker:variant:DesiredInstanceCount"


class Bounds(NamedTuple):
    """Between how many instances a variant may scale."""

    variant: str
    minimum: int
    maximum: int


def bounds(aws: Aws, endpoint: str) -> list[Bounds]:
    """Return the scalable variants of an endpoint."""
    with translated(f"read the scalable targets of {endpoint}"):
        pages = (
            aws.client("application-autoscaling")
            .get_paginator("describe_scalable_targets")
            .paginate(ServiceNamespace=_NAMESPACE, ScalableDimension=_DIMENSION)
        )
        found = [target for page in pages for target in page["ScalableTargets"]]
    return [
        Bounds(_variant(target), target["MinCapacity"], target["MaxCapacity"])
        for target in found
        if target["ResourceId"].startswith(f"endpoint/{endpoint}/")
    ]


def activities(aws: Aws, endpoint: str, variant: str) -> list[dict[str, Any]]:
    """Return the scaling activities of a variant as AWS keeps them, the newest first."""
    with translated(f"read the scaling activities of {endpoint}"):
        pages = (
            aws.client("application-autoscaling")
            .get_paginator("describe_scaling_activities")
            .paginate(
                ServiceNamespace=_NAMESPACE,
                ResourceId=f"endpoint/{endpoint}/variant/{variant}",
                ScalableDimension=_DIMENSION,
            )
        )
        return [dict(activity) for page in pages for activity in page["ScalingActivities"]]


def _variant(target: Any) -> str:
    return str(target["ResourceId"]).rpartition("/")[2]
