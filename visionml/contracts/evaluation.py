"""What an evaluation job reports, and what the gate says to it."""

from pydantic import BaseModel, ConfigDict


class ClassFigures(BaseModel):
    """Precision, recall and F1 of one class, and its number of holdout images."""

    model_config = ConfigDict(frozen=True)

    precision: float
    recall: float
    f1: float
    images: int


class Misread(BaseModel):
    """One holdout image that the model read wrongly."""

    model_config = ConfigDict(frozen=True)

    key: str
    label: str
    predicted: str
    probability: float


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


class GateResult(BaseModel):
    """One gate: the figure it looked at, the threshold and whether it passed."""

    model_config = ConfigDict(frozen=True)

    gate: str
    value: float
    threshold: float
    passed: bool


class Verdict(BaseModel):
    """All gates together, with one sentence a person can act on."""

    model_config = ConfigDict(frozen=True)

    passed: bool
    reason: str
    gates: list[GateResult]
