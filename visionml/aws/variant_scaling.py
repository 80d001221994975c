"""Application Auto Scaling of an endpoint's variants."""

from typing import Any

from visionml.aws.errors import translated
from visionml.contracts.scaling import (
    DIMENSION,
    METRIC,
    NAMESPACE,
    TARGET_TRACKING,
    ScalingRules,
    resource_id,
)


class Scaling:
    """Lets variants of one endpoint follow their load, and stops that."""

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

    def _target(self, variant: str) -> dict[str, str]:
        return {
            "ServiceNamespace": NAMESPACE,
            "ResourceId": resource_id(self._endpoint, variant),
            "ScalableDimension": DIMENSION,
        }
