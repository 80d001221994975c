"""What a model must reach before it may be registered: a section of the settings."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]


class Gates(BaseModel):
    """What a model must reach on the holdout to be registered; each figure passes or fails.

    A gate at its extreme (0 for a minimum, 1 or a huge number for a maximum) lets everything pass
    that was measured at all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    minimum_accuracy: Share = 0.95
    minimum_macro_recall: Share = 0.9
    minimum_worst_class_recall: Share = 0.7
    """Of the class that is read worst; one without holdout images counts as 0."""
    maximum_calibration_error: Share = 0.15
    maximum_latency_ms: Annotated[float, Field(gt=0)] = 500.0
    """Of one image on one core, 99th percentile, without decoding and transport."""
