"""By which rules the instances of a variant follow its load, whoever sets them up."""

from typing import NamedTuple, Self

from pydantic import BaseModel, ConfigDict

from visionml.contracts.settings import NightSettings, ServingSettings

NAMESPACE = "sagemaker"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
METRIC = "SageMakerVariantInvocationsPerInstance"
TARGET_TRACKING = "TargetTrackingScaling"


class ScheduledBounds(NamedTuple):
    """Bounds that hold from an hour of the day on."""

    name: str
    schedule: str
    timezone: str
    minimum: int
    maximum: int


class ScalingRules(BaseModel):
    """Target tracking on the invocations of one instance in a minute, between two bounds."""

    model_config = ConfigDict(frozen=True)

    policy_name: str
    minimum: int
    maximum: int
    invocations_per_instance: int
    scale_in_cooldown_seconds: int
    scale_out_cooldown_seconds: int
    night: NightSettings | None = None

    @classmethod
    def of(cls, serving: ServingSettings, *, policy_name: str) -> Self:
        """Return the rules that follow from the settings."""
        return cls(
            policy_name=policy_name,
            minimum=serving.minimum_instances,
            maximum=serving.maximum_instances,
            invocations_per_instance=serving.invocations_per_instance,
            scale_in_cooldown_seconds=serving.scale_in_cooldown_seconds,
            scale_out_cooldown_seconds=serving.scale_out_cooldown_seconds,
            night=serving.night,
        )

    def schedule(self) -> tuple[ScheduledBounds, ...]:
        """Return the bounds of the evening and of the morning; none without a night."""
        night = self.night
        if night is None:
            return ()
        evening = (min(self.minimum, night.instances), night.instances)
        return tuple(
            ScheduledBounds(name, f"cron(0 {hour} * * ? *)", night.timezone, *bounds)
            for name, hour, bounds in (
                ("evening", night.from_hour, evening),
                ("morning", night.to_hour, (self.minimum, self.maximum)),
            )
        )


def resource_id(endpoint: str, variant: str) -> str:
    """Return what Application Auto Scaling calls a variant."""
    return f"endpoint/{endpoint}/variant/{variant}"
