"""What an evaluation job reports, and what the gates say to it.

Shares lie between 0 and 1, intervals are 95 % bootstrap intervals, and every field that a first
report did not have has a default, so that reports of earlier runs still parse.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from visionml.contracts.model import ModelRecord

Interval = tuple[float, float]
"""Lower and upper end."""

SLICINGS = ("brightness", "sharpness", "size")


class ClassFigures(BaseModel):
    """Precision, recall and F1 of one class, and its number of holdout images."""

    model_config = ConfigDict(frozen=True)

    precision: float
    recall: float
    f1: float
    images: int
    intervals: dict[str, Interval] = {}
    """Of ``precision``, ``recall``, ``f1`` and ``roc_auc``."""


class Misread(BaseModel):
    """One holdout image that the model read wrongly."""

    model_config = ConfigDict(frozen=True)

    key: str
    label: str
    predicted: str
    probability: float


class ReliabilityBin(BaseModel):
    """Images of similar confidence: what the model promised, and what it kept."""

    model_config = ConfigDict(frozen=True)

    confidence: float
    """Mean probability of the predicted class."""
    accuracy: float
    low: float
    high: float
    images: int


class Calibration(BaseModel):
    """How far confidence is from accuracy, over bins of equal numbers of images."""

    model_config = ConfigDict(frozen=True)

    ece: float
    """Expected calibration error of the predicted class."""
    bins: list[ReliabilityBin]


class RocAuc(BaseModel):
    """Area under the ROC curve of each class against the rest."""

    model_config = ConfigDict(frozen=True)

    macro: float | None
    """Mean over ``classes``; None where there is no class to measure."""
    classes: dict[str, float]
    """Without the classes of which the holdout has no image, or nothing but images."""


class Latency(BaseModel):
    """Milliseconds for one image on one core, warmed up, without decoding and transport."""

    model_config = ConfigDict(frozen=True)

    p50: float
    p99: float
    images: int
    """How many images were timed."""


class Slice(BaseModel):
    """The holdout images whose brightness, sharpness or size lies between two numbers."""

    model_config = ConfigDict(frozen=True)

    name: str
    lower: float
    upper: float
    images: int
    accuracy: float
    low: float
    high: float


class Threshold(BaseModel):
    """The confidence below which the model abstains, chosen on validation images.

    It is the lowest one at which the answered images reach the target; where none does, the one
    at which they come nearest to it.
    """

    model_config = ConfigDict(frozen=True)

    value: float
    target_accuracy: float
    reached: bool
    coverage: float
    accuracy: float
    """Of the answered validation images."""
    images: int
    """Of validation."""


class AtThreshold(BaseModel):
    """What the threshold does on the holdout."""

    model_config = ConfigDict(frozen=True)

    coverage: float
    """The share of images that is answered."""
    accuracy: float | None
    """Of the answered ones; None where none is."""
    answered: int
    intervals: dict[str, Interval] = {}


class CurvePoint(BaseModel):
    """Coverage and accuracy of the holdout's answered images at one threshold."""

    model_config = ConfigDict(frozen=True)

    threshold: float
    coverage: float
    accuracy: float


class Comparison(BaseModel):
    """The model against the one that serves, on the same holdout images."""

    model_config = ConfigDict(frozen=True)

    champion_version: str
    comparable: bool = True
    better: bool = False
    """Whether it is right more often, beyond noise."""
    reason: str
    """One sentence: how they differ, or why they cannot be compared."""
    test: Literal["mcnemar"] = "mcnemar"
    method: Literal["exact", "continuity"] | None = None
    p_value: float | None = None
    difference: float | None = None
    """Of the accuracies; positive where the new model is the better one."""
    low: float | None = None
    high: float | None = None
    wins: int | None = None
    """Images that the new model alone reads rightly."""
    losses: int | None = None
    """Images that the serving model alone reads rightly."""


class EvaluationReport(BaseModel):
    """A model's figures on the holdout of one dataset version."""

    model_config = ConfigDict(frozen=True)

    model_version: str
    dataset: str
    dataset_version: str
    images: int
    accuracy: float
    macro_precision: float
    macro_recall: float
    macro_f1: float
    classes: dict[str, ClassFigures]
    confusion: list[list[int]]
    """Rows are true classes and columns predicted ones, in the order of ``classes``."""
    misread: list[Misread]
    """At most 100, the most confident errors first."""
    images_per_second: float
    intervals: dict[str, Interval] = {}
    """By figure: the shares above, ``ece``, ``roc_auc``, ``latency_p50_ms``..."""
    calibration: Calibration | None = None
    roc_auc: RocAuc | None = None
    latency_ms: Latency | None = None
    slices: dict[str, list[Slice]] = {}
    """By ``brightness``, ``sharpness`` and ``size``: quartiles, the smallest values first."""
    threshold: Threshold | None = None
    at_threshold: AtThreshold | None = None
    threshold_curve: list[CurvePoint] = []
    comparison: Comparison | None = None
    """None where no model serves yet."""
    record: ModelRecord | None = None
    """What travels with the model itself."""

    @property
    def unseen(self) -> list[str]:
        """The classes of which the holdout has no image."""
        return [name for name, found in self.classes.items() if not found.images]

    @property
    def worst_class(self) -> tuple[str, float] | None:
        """The class that is read worst and its recall; one without images comes first, at 0."""
        recalls = {name: found.recall for name, found in self.classes.items()}
        return min(recalls.items(), key=lambda item: item[1]) if recalls else None


class GateResult(BaseModel):
    """One gate: the figure it looked at, the threshold and whether it passed."""

    model_config = ConfigDict(frozen=True)

    gate: str
    value: float | None
    """None where the figure was not measured; such a gate has not passed."""
    threshold: float
    passed: bool
    bound: Literal["minimum", "maximum"] = "minimum"
    detail: str = ""
    """What the figure is of, such as the worst class."""


class Verdict(BaseModel):
    """All gates together, with one sentence a person can act on."""

    model_config = ConfigDict(frozen=True)

    passed: bool
    reason: str
    gates: list[GateResult]
    recommended: bool = True
    """Whether it should replace the serving model: passed, and better than it beyond noise."""
