"""What the prober is told during a rollout, and what asking for known images comes to."""

from pydantic import BaseModel, ConfigDict

from visionml.contracts.deployment import DeploymentKind
from visionml.contracts.training import RunId

PROBE_ACCURACY = "ProbeAccuracy"
"""The metric of the answers of the version that is rolled out; its dimension is EndpointName."""
PROBES = "Probes"
"""How many answers one figure of `PROBE_ACCURACY` rests on."""


class ProbeRequest(BaseModel):
    """The part of a ``DeploymentPlan`` that the prober needs; it takes the whole plan."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    endpoint_name: str
    model_version: RunId
    """The version that is rolled out."""
    kind: DeploymentKind = "promotion"


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
