"""The bounds between which instances follow the load, and when they are lowered."""

from tests.infra.conftest import Synthesised

_TARGET = "AWS::ApplicationAutoScaling::ScalableTarget"
_POLICY = "AWS::ApplicationAutoScaling::ScalingPolicy"


def test_the_variant_scales_between_the_settings_bounds(environment: Synthesised) -> None:
    serving = environment.settings.serving
    (target,) = environment.properties(_TARGET)
    assert (target["MinCapacity"], target["MaxCapacity"]) == (
        serving.minimum_instances,
        serving.maximum_instances,
    )
    assert target["ResourceId"].endswith("/variant/ModelA")


def test_it_tracks_the_invocations_of_one_instance(environment: Synthesised) -> None:
    serving = environment.settings.serving
    (policy,) = environment.properties(_POLICY)
    config = policy["TargetTrackingScalingPolicyConfiguration"]
    assert config == {
        "TargetValue": serving.invocations_per_instance,
        "ScaleInCooldown": serving.scale_in_cooldown_seconds,
        "ScaleOutCooldown": serving.scale_out_cooldown_seconds,
        "PredefinedMetricSpecification": {
            "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
        },
    }


def test_a_night_lowers_the_bounds_and_the_morning_lifts_them(prod: Synthesised) -> None:
    (target,) = prod.properties(_TARGET)
    evening, morning = target["ScheduledActions"]
    night = prod.settings.serving.night
    assert night is not None
    assert evening["Schedule"] == f"cron(0 {night.from_hour} * * ? *)"
    assert evening["ScalableTargetAction"]["MaxCapacity"] == night.instances
    assert morning["ScalableTargetAction"] == {
        "MinCapacity": target["MinCapacity"],
        "MaxCapacity": target["MaxCapacity"],
    }


def test_there_is_no_schedule_where_there_is_no_night(local: Synthesised) -> None:
    (target,) = local.properties(_TARGET)
    assert "ScheduledActions" not in target
