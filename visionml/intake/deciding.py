"""Which animal an image shows, and whether a person should look: rules applied to labels."""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from visionml.contracts.detector import (
    OTHER,
    Detection,
    DetectionFailure,
    DetectorRules,
    Label,
    Uncertainty,
)

_KEPT_LABELS = 10

_Animal = Literal["cat", "dog"]


class _Doubt(NamedTuple):
    kind: Uncertainty
    reason: str


def decide(
    labels: Iterable[Label], rules: DetectorRules, *, label_model_version: str = ""
) -> Detection:
    """Return what the rules make of the labels, in whatever order these come."""
    ordered = sorted(labels, key=lambda label: (-label.confidence, label.name, label.parents))
    found = _animals(ordered, rules)
    animal: Literal["cat", "dog", "other"] = OTHER
    confidence = ordered[0].confidence if ordered else 0.0
    doubt = _doubt(found, rules) if found else None
    surest = next(iter(found.items()), None)
    if surest is not None and surest[1] >= rules.minimum_confidence:
        animal, confidence = surest
    return Detection(
        animal=animal,
        confidence=confidence,
        uncertainty=doubt.kind if doubt else None,
        reason=doubt.reason if doubt else "",
        labels=tuple(ordered[:_KEPT_LABELS]),
        label_model_version=label_model_version,
    )


def not_looked_at(failure: DetectionFailure) -> Detection:
    """Return what is said of an image that the engine could not be asked about."""
    return Detection(
        animal=OTHER,
        confidence=0,
        uncertainty=Uncertainty.NOT_LOOKED_AT,
        reason=f"The image could not be looked at: {failure.error}: {failure.cause}".rstrip(": "),
    )


def _animals(labels: Iterable[Label], rules: DetectorRules) -> dict[_Animal, float]:
    """Return each animal that is noticed and how surely, the surest first."""
    found: dict[_Animal, float] = {}
    for animal, names in rules.animals.items():
        known = {name.casefold() for name in names}
        sure = [
            label.confidence
            for label in labels
            if any(name.casefold() in known for name in (label.name, *label.parents))
        ]
        if sure and max(sure) >= rules.noticed:
            found[animal] = max(sure)
    return dict(sorted(found.items(), key=lambda each: (-each[1], each[0])))


def _doubt(found: Mapping[_Animal, float], rules: DetectorRules) -> _Doubt | None:
    (animal, confidence), *others = found.items()
    if others and confidence - others[0][1] < rules.smallest_gap:
        other, less = others[0]
        return _Doubt(
            Uncertainty.CLOSE_ANIMALS,
            f"The image shows a {animal} with a confidence of {confidence:.1f} and a {other} with"
            f" {less:.1f}: less than {rules.smallest_gap:g} lie between them.",
        )
    if confidence < rules.minimum_confidence:
        return _Doubt(
            Uncertainty.LOW_CONFIDENCE,
            f"The image may show a {animal}, with a confidence of {confidence:.1f}; from"
            f" {rules.minimum_confidence:g} on it is taken for one.",
        )
    if confidence < rules.certain_confidence:
        return _Doubt(
            Uncertainty.LOW_CONFIDENCE,
            f"The image shows a {animal} with a confidence of {confidence:.1f} only; from"
            f" {rules.certain_confidence:g} on it is certain.",
        )
    return None
