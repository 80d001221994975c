"""The endpoint's instances follow its load, and at night there may be fewer."""

from aws_cdk.aws_applicationautoscaling import CfnScalableTarget, CfnScalingPolicy
from constructs import Construct

from visionml.cdk.units.seed_endpoint import SeedEndpoint
from visionml.contracts.names import VARIANT_A, Names
from visionml.contracts.scaling import (
    DIMENSION,
    METRIC,
    NAMESPACE,
    TARGET_TRACKING,
    ScalingRules,
    resource_id,
)


class VariantScaling(Construct):
    """Target tracking on the invocations of one instance in a minute, between two bounds.

    The variant has one name whatever it serves, so a deployment does not end the scaling. For
    ModelB, which comes and goes, see ``challenger_scaling.py``.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        endpoint: SeedEndpoint,
        names: Names,
        rules: ScalingRules,
    ) -> None:
        super().__init__(scope, id)
        self.target = CfnScalableTarget(
            self,
            "Target",
            service_namespace=NAMESPACE,
            resource_id=resource_id(names.endpoint, VARIANT_A),
            scalable_dimension=DIMENSION,
            min_capacity=rules.minimum,
            max_capacity=rules.maximum,
            scheduled_actions=_actions(rules) or None,
        )
        self.target.add_resource_dependency(endpoint.endpoint)
        self.policy = CfnScalingPolicy(
            self,
            "Policy",
            policy_name=rules.policy_name,
            policy_type=TARGET_TRACKING,
            scaling_target_id=self.target.ref,
            target_tracking_scaling_policy_configuration=CfnScalingPolicy.TargetTrackingScalingPolicyConfigurationProperty(
                target_value=rules.invocations_per_instance,
                scale_in_cooldown=rules.scale_in_cooldown_seconds,
                scale_out_cooldown=rules.scale_out_cooldown_seconds,
                predefined_metric_specification=CfnScalingPolicy.PredefinedMetricSpecificationProperty(
                    predefined_metric_type=METRIC
                ),
            ),
        )


def _actions(rules: ScalingRules) -> list[CfnScalableTarget.ScheduledActionProperty]:
    """Return the actions that lower the bounds in the evening and lift them in the morning."""
    return [
        CfnScalableTarget.ScheduledActionProperty(
            scheduled_action_name=bounds.name,
            schedule=bounds.schedule,
            timezone=bounds.timezone,
            scalable_target_action=CfnScalableTarget.ScalableTargetActionProperty(
                min_capacity=bounds.minimum, max_capacity=bounds.maximum
            ),
        )
        for bounds in rules.schedule()
    ]
