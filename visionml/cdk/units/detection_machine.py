"""The detection machine: an image that intake accepted goes in, and ends in a folder."""

from dataclasses import dataclass
from typing import Any

from visionml.cdk.units.states import TRANSIENT_LAMBDA, State, choose, invoke, retry

STEP_SECONDS = 30
LONGEST_SECONDS = 300
"""An express execution lives no longer."""
_ORDER = "{% $order %}"
_TOLD_BEFORE = "{% $order.told = true and $states.input.detection.uncertainty = 'not_looked_at' %}"


@dataclass(frozen=True)
class DetectionParts:
    """The ARNs of the functions that the machine calls."""

    processor_arn: str
    manager_arn: str
    notifier_arn: str


def definition(parts: DetectionParts, *, attempts: int) -> dict[str, Any]:
    """Return the machine's definition; its input is a ``DetectionOrder``.

    An image that could not be looked at is put away and told of like an uncertain one; then the
    execution fails, for the alarm to see. Of an image that is looked at once more, in vain, people
    are not told again. FileManager answers what is true of the image afterwards:
    where another execution has organised it, that one's detection.
    """
    return {
        "Comment": "Look, put into a folder, tell people of what is uncertain.",
        "QueryLanguage": "JSONata",
        "StartAt": "Accept",
        "TimeoutSeconds": LONGEST_SECONDS,
        "States": {
            "Accept": {
                "Type": "Pass",
                "Assign": {"order": "{% $states.input %}", "failure": {}},
                "Next": "Look",
            },
            "Look": _look(parts, attempts),
            "Organise": _organise(parts, {"detection": "{% $states.input %}"}, then="IsUncertain"),
            "OrganiseUnseen": _organise(parts, {"failure": "{% $failure %}"}, then="IsUncertain"),
            "IsUncertain": choose(
                (_TOLD_BEFORE, "IsUnseen"),
                ("{% $type($states.input.detection.uncertainty) = 'string' %}", "Notify"),
                otherwise="Done",
            ),
            "Notify": {
                **invoke(parts.notifier_arn, "{% $states.input %}", seconds=STEP_SECONDS),
                "Next": "IsUnseen",
            },
            "IsUnseen": choose(("{% $exists($failure.error) %}", "Unseen"), otherwise="Done"),
            "Unseen": {
                "Type": "Fail",
                "Error": "{% $failure.error %}",
                "Cause": "{% $failure.cause %}",
            },
            "Done": {"Type": "Succeed"},
        },
    }


def _look(parts: DetectionParts, attempts: int) -> State:
    """Ask which animal an image shows; whatever keeps the answer away is remembered."""
    failure = {
        "error": "{% $states.errorOutput.Error %}",
        "cause": "{% $states.errorOutput.Cause %}",
    }
    caught = {
        "ErrorEquals": ["States.ALL"],
        "Assign": {"failure": failure},
        "Next": "OrganiseUnseen",
    }
    return {
        **invoke(parts.processor_arn, _ORDER, seconds=STEP_SECONDS),
        "Retry": retry(TRANSIENT_LAMBDA, attempts=attempts - 1) if attempts > 1 else [],
        "Catch": [caught],
        "Next": "Organise",
    }


def _organise(parts: DetectionParts, found: State, *, then: str) -> State:
    """Put the image into its folder; one that stays where it is fails the execution."""
    order = {"order": _ORDER, **found}
    return {**invoke(parts.manager_arn, order, seconds=STEP_SECONDS), "Next": then}
