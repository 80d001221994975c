"""The endpoint's instances follow its load, and at night there may be fewer."""

from aws_cdk.aws_applicationautoscaling import CfnScalableTarget, CfnScalingPolicy
from constructs import Construct

from visionml.cdk.units.seed_endpoint import SeedEndpoint
from visionml.contracts.names import VARIANT_A, Names
from visionml.contracts.settings import NightSettings, ServingSettings

_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
_NAMESPACE = "sagemaker"
_METRIC = "SageMakerVariantInvocationsPerInstance"


class VariantScaling(Construct):
    """Target tracking on the invocations of one instance in a minute, between two bounds.

    The variant has one name whatever it serves, so a deployment does not end the scaling.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        endpoint: SeedEndpoint,
        names: Names,
        serving: ServingSettings,
    ) -> None:
        super().__init__(scope, id)
        night = serving.night
        self.target = CfnScalableTarget(
            self,
            "Target",
            service_namespace=_NAMESPACE,
            resource_id=f"endpoint/{names.endpoint}/variant/{VARIANT_A}",
            scalable_dimension=_DIMENSION,
            min_capacity=serving.minimum_instances,
            max_capacity=serving.maximum_instances,
            scheduled_actions=_actions(night, serving) if night else None,
        )
        self.target.add_resource_dependency(endpoint.endpoint)
        self.policy = CfnScalingPolicy(
            self,
            "Policy",
            policy_name=names.name("invocations"),
            policy_type="TargetTrackingScaling",
            scaling_target_id=self.target.ref,
            target_tracking_scaling_policy_configuration=CfnScalingPolicy.TargetTrackingScalingPolicyConfigurationProperty(
                target_value=serving.invocations_per_instance,
                scale_in_cooldown=serving.scale_in_cooldown_seconds,
                scale_out_cooldown=serving.scale_out_cooldown_seconds,
                predefined_metric_specification=CfnScalingPolicy.PredefinedMetricSpecificationProperty(
                    predefined_metric_type=_METRIC
                ),
            ),
        )


def _actions(
    night: NightSettings, serving: ServingSettings
) -> list[CfnScalableTarget.ScheduledActionProperty]:
    """Return the two actions that lower the bounds in the evening and lift them in the morning."""
    evening = (min(serving.minimum_instances, night.instances), night.instances)
    morning = (serving.minimum_instances, serving.maximum_instances)
    return [
        CfnScalableTarget.ScheduledActionProperty(
            scheduled_action_name=name,
            schedule=f"cron(0 {hour} * * ? *)",
            timezone=night.timezone,
            scalable_target_action=CfnScalableTarget.ScalableTargetActionProperty(
                min_capacity=low, max_capacity=high
            ),
        )
        for name, hour, (low, high) in (
            ("evening", night.from_hour, evening),
            ("morning", night.to_hour, morning),
        )
    ]
