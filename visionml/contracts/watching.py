"""What the function that watches answers is told, answers and publishes.

Its figures are in the namespace ``VisionML`` under ``service=drift``; those of one variant have
``variant`` beside it. Those without a variant are what alarms look at: the largest of all
variants, or for accuracies the smallest.
"""

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from visionml.contracts.monitoring import State

SERVICE = "drift"
"""The value of the dimension ``service``."""

RUNS = "DriftRuns"
"""1 for each look at the answers: the heartbeat."""
ALARM = "Drift"
"""1 while drift stays, else 0."""
SCORE = "DriftScore"
"""The score by its threshold: 1 and more is drift; of windows that were tested."""
SAMPLES = "DriftSamples"
UNTESTED = "DriftUntested"
"""1 for a window with too few answers, or without a baseline."""
NO_BASELINE = "DriftNoBaseline"
UNREADABLE = "DriftUnreadable"
"""Events of another schema, or no numbers at all."""
ESTIMATE = "EstimatedAccuracy"
ACCURACY = "Accuracy"
"""Of the answers whose truth was told, once they are `ENOUGH_TRUTHS`."""
LABELLED = "LabelledAnswers"

ENOUGH_TRUTHS = 30


class WatchOrder(BaseModel):
    """The function's event by hand; the schedule's asks for the last hours."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    begin: AwareDatetime
    end: AwareDatetime


class Watched(BaseModel):
    """What became of one model version and variant."""

    model_config = ConfigDict(frozen=True)

    model_version: str
    variant: str
    state: State
    samples: int
    score: float
    threshold: float | None
    moved: tuple[str, ...] = ()
    alarm: bool = False
    """Drift stays."""
    report: str
    """``s3://`` URI of the report's JSON; the page lies beside it."""


class WatchSummary(BaseModel):
    """The function's answer."""

    model_config = ConfigDict(frozen=True)

    begin: AwareDatetime
    end: AwareDatetime
    watched: tuple[Watched, ...] = ()
    """Empty while nothing serves and nobody asks."""


class BaselineMade(BaseModel):
    """The answer of the function that makes baselines, for one version."""

    model_config = ConfigDict(frozen=True)

    model_version: str
    outcome: Literal["made", "known"]
    samples: int
