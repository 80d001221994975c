"""What asking the endpoint for known images during a rollout comes to."""

from pydantic import BaseModel, ConfigDict

from visionml.contracts.training import RunId

PROBE_ACCURACY = "ProbeAccuracy"
"""The metric of the answers of the version that is rolled out; its dimension is EndpointName."""
PROBES = "Probes"
"""How many answers one figure of `PROBE_ACCURACY` rests on."""


class ProbeReport(BaseModel):
    """One look; counts are of requests, but for ``judged`` and ``right``, which are of images."""

    model_config = ConfigDict(frozen=True)

    model_version: RunId
    """The version that is rolled out."""
    asked: int
    answered_by_it: int
    answered_by_others: int
    failed: int
    """Requests without a usable answer; who they are of cannot be told."""
    judged: int
    """Known images that the version answered, and whose class it knows."""
    right: int
    accuracy: float | None
    """None when too few images were judged; then nothing is published."""
