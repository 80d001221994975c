"""What a tuning job searches: ranges of hyperparameters, checked as SageMaker checks them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from visionml.local.sagemaker.core import Document
from visionml.local.sagemaker.faults import invalid

Scale = Literal["Linear", "Logarithmic", "ReverseLogarithmic"]
Choice = str | int | float
MOST_RANGES = 30
MOST_HYPERPARAMETERS = 100
OBJECTIVE = "_tuning_objective_metric"
"""The hyperparameter by which SageMaker tells each training job what it is tuned for."""
_WIDE = 100
"""``Auto`` takes the logarithmic scale from this ratio of the bounds on."""


@dataclass(frozen=True)
class Numbers:
    """A continuous or integer range."""

    name: str
    low: float
    high: float
    scale: Scale
    integer: bool

    @property
    def size(self) -> float:
        """The number of different values."""
        return self.high - self.low + 1 if self.integer else math.inf

    def text(self, value: Choice) -> str:
        """Return a value as the hyperparameter that a training job gets."""
        return str(int(value)) if self.integer else repr(float(value))


@dataclass(frozen=True)
class Categories:
    """A categorical range."""

    name: str
    values: tuple[str, ...]

    @property
    def size(self) -> float:
        """The number of different values."""
        return len(self.values)

    def text(self, value: Choice) -> str:
        """Return a value as the hyperparameter that a training job gets."""
        return str(value)


@dataclass(frozen=True)
class Space:
    """The ranges of a tuning job, by name."""

    ranges: tuple[Numbers | Categories, ...]

    @property
    def combinations(self) -> float:
        """The number of different combinations; infinite with a continuous range."""
        return math.prod(each.size for each in self.ranges)

    def texts(self, values: Mapping[str, Choice]) -> dict[str, str]:
        """Return a combination as hyperparameters."""
        return {each.name: each.text(values[each.name]) for each in self.ranges}

    @classmethod
    def of(cls, given: Document, static: Mapping[str, str]) -> "Space":
        """Return the space of ``ParameterRanges``.

        Raises
        ------
        Fault
            A range is empty or not in order, a scale does not fit, or a name stands twice.
        """
        ranges: list[Numbers | Categories] = [
            *(_numbers(each, integer=False) for each in given.get("ContinuousParameterRanges", [])),
            *(_numbers(each, integer=True) for each in given.get("IntegerParameterRanges", [])),
            *(_categories(each) for each in given.get("CategoricalParameterRanges", [])),
        ]
        _check_names([each.name for each in ranges], static)
        return cls(tuple(ranges))


def _check_names(names: Sequence[str], static: Mapping[str, str]) -> None:
    if not names:
        raise invalid("At least one hyperparameter range must be given in ParameterRanges.")
    twice = sorted({name for name in names if names.count(name) > 1 or name in static})
    if twice:
        raise invalid(
            "Hyperparameters must be unique among ParameterRanges and StaticHyperParameters; given "
            f"more than once: [{', '.join(twice)}]."
        )
    if OBJECTIVE in (*names, *static):
        raise invalid(f"The hyperparameter {OBJECTIVE} is reserved for SageMaker.")
    if len(names) > MOST_RANGES:
        raise invalid(f"A tuning job can search at most {MOST_RANGES} hyperparameters.")
    if len(names) + len(static) + 1 > MOST_HYPERPARAMETERS:
        raise invalid(
            f"A training job can have at most {MOST_HYPERPARAMETERS} hyperparameters, tuned, "
            f"static and {OBJECTIVE} together."
        )


def _numbers(given: Document, *, integer: bool) -> Numbers:
    name = given["Name"]
    low, high = (_number(name, given[bound], integer=integer) for bound in ("MinValue", "MaxValue"))
    if low >= high:
        raise invalid(
            f"MinValue [{given['MinValue']}] must be less than MaxValue [{given['MaxValue']}] for "
            f"the hyperparameter {name}."
        )
    scale = given.get("ScalingType", "Auto")
    if scale == "Auto":
        scale = "Logarithmic" if low > 0 and high / low >= _WIDE else "Linear"
    if scale == "Logarithmic" and low <= 0:
        raise invalid(
            f"Logarithmic scaling needs a range above 0; MinValue of the hyperparameter {name} is "
            f"[{given['MinValue']}]."
        )
    if scale == "ReverseLogarithmic" and (integer or low < 0 or high >= 1):
        raise invalid(
            f"Reverse logarithmic scaling needs a continuous range within 0<=x<1.0; the "
            f"hyperparameter {name} has [{given['MinValue']}, {given['MaxValue']}]."
        )
    return Numbers(name, low, high, scale, integer)


def _number(name: str, text: str, *, integer: bool) -> float:
    try:
        value: float = int(text) if integer else float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        kind = "an integer" if integer else "a number"
        raise invalid(f"The bound [{text}] of the hyperparameter {name} is not {kind}.")
    return value


def _categories(given: Document) -> Categories:
    values = tuple(given["Values"])
    if len(values) != len(set(values)):
        raise invalid(f"The values of the categorical hyperparameter {given['Name']} must differ.")
    return Categories(given["Name"], values)
