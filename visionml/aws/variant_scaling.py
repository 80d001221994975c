"""Application Auto Scaling of an endpoint's variants."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from visionml.aws.errors import translated
from visionml.contracts.scaling import (
    DIMENSION,
    METRIC,
    NAMESPACE,
    TARGET_TRACKING,
    ScalingRules,
    resource_id,
)


class Bounds(NamedTuple):
    """Between how many instances a variant may scale."""

    variant: str
    minimum: int
    maximum: int


class Scaling:
    """Lets variants of one endpoint follow their load, stops that, and tells what came of it."""

    def __init__(self, client: Any, endpoint: str) -> None:
        """Take a boto3 client of ``application-autoscaling``."""
        self._client, self._endpoint = client, endpoint

    def scales(self, variant: str) -> bool:
        """Tell whether a variant is registered, whether or not it still exists."""
        with translated(f"look whether {variant} of {self._endpoint} scales"):
            found = self._client.describe_scalable_targets(
                ServiceNamespace=NAMESPACE,
                ScalableDimension=DIMENSION,
                ResourceIds=[resource_id(self._endpoint, variant)],
            )
        return bool(found["ScalableTargets"])

    def start(self, variant: str, rules: ScalingRules) -> None:
        """Let a variant follow its load; one that does so already goes by these rules from now on.

        Raises
        ------
        InvalidInput
            The endpoint has no such variant.
        """
        target = self._target(variant)
        with translated(f"let {variant} of {self._endpoint} scale"):
            self._client.register_scalable_target(
                **target, MinCapacity=rules.minimum, MaxCapacity=rules.maximum
            )
            self._client.put_scaling_policy(
                **target,
                PolicyName=rules.policy_name,
                PolicyType=TARGET_TRACKING,
                TargetTrackingScalingPolicyConfiguration={
                    "TargetValue": float(rules.invocations_per_instance),
                    "PredefinedMetricSpecification": {"PredefinedMetricType": METRIC},
                    "ScaleInCooldown": rules.scale_in_cooldown_seconds,
                    "ScaleOutCooldown": rules.scale_out_cooldown_seconds,
                },
            )
            for bounds in rules.schedule():
                self._client.put_scheduled_action(
                    **target,
                    ScheduledActionName=bounds.name,
                    Schedule=bounds.schedule,
                    Timezone=bounds.timezone,
                    ScalableTargetAction={
                        "MinCapacity": bounds.minimum,
                        "MaxCapacity": bounds.maximum,
                    },
                )

    def stop(self, variant: str) -> None:
        """Stop it; its policy, alarms and schedule go with it."""
        with translated(f"stop the scaling of {variant} of {self._endpoint}"):
            self._client.deregister_scalable_target(**self._target(variant))

    def bounds(self, variants: Iterable[str]) -> list[Bounds]:
        """Return those of some variants that scale."""
        ids = {resource_id(self._endpoint, variant): variant for variant in variants}
        with translated(f"read the scalable targets of {self._endpoint}"):
            found = self._client.describe_scalable_targets(
                ServiceNamespace=NAMESPACE, ScalableDimension=DIMENSION, ResourceIds=list(ids)
            )
        return [
            Bounds(ids[target["ResourceId"]], target["MinCapacity"], target["MaxCapacity"])
            for target in found["ScalableTargets"]
        ]

    def activities(self, variant: str) -> list[dict[str, Any]]:
        """Return a variant's scaling activities as AWS keeps them, the newest first."""
        with translated(f"read the scaling activities of {variant} of {self._endpoint}"):
            pages = self._client.get_paginator("describe_scaling_activities").paginate(
                **self._target(variant)
            )
            return [dict(activity) for page in pages for activity in page["ScalingActivities"]]

    def _target(self, variant: str) -> dict[str, str]:
        return {
            "ServiceNamespace": NAMESPACE,
            "ResourceId": resource_id(self._endpoint, variant),
            "ScalableDimension": DIMENSION,
        }
