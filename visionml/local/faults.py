"""Faults on purpose, for drills and tests: the next calls of an operation answer an error.

They exist in the embedded AWS only, and whoever asks for them needs the credentials of its owner.
What the embedded AWS's own services ask of each other is not disturbed.
"""

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from visionml.errors import AccessDenied, InvalidInput
from visionml.local.signed import ask
from visionml.local.state import State

SERVICE = "visionml-local"
TARGET_PREFIX = "VisionmlLocal."
INJECT, LIST, CLEAR = "InjectFault", "ListFaults", "ClearFaults"


class Fault(BaseModel):
    """An error that the calls of one operation answer, some of them, some time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    operation: Annotated[str, Field(pattern=r"^[a-z0-9-]+:[A-Z][A-Za-z0-9]+$")]
    """The service as it signs, and the operation: ``dynamodb:PutItem``."""
    code: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9.]*$")]
    """Of an error that the service may answer, such as ``ThrottlingException``."""
    times: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """Of how many calls."""
    after: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """How many calls are served before."""


def inject(running: State, operation: str, code: str, *, times: int = 1, after: int = 0) -> Fault:
    """Let the next calls of ``service:Operation`` answer an error; faults queue up.

    Raises
    ------
    InvalidInput
        There is no such operation, or it has no such error.
    AccessDenied
        The credentials in `running` are not the owner's.
    Unavailable
        The embedded AWS does not answer.
    """
    given = {"operation": operation, "code": code, "times": times, "after": after}
    return Fault.model_validate(_asked(running, INJECT, given)["fault"])


def pending(running: State) -> tuple[Fault, ...]:
    """Return the faults that are still to come, with what is left of their counts.

    Raises
    ------
    AccessDenied, Unavailable
        As `inject`.
    """
    found = _asked(running, LIST, {})["faults"]
    return tuple(Fault.model_validate(each) for each in found)


def clear(running: State) -> int:
    """Forget all faults that are still to come; return how many there were.

    Raises
    ------
    AccessDenied, Unavailable
        As `inject`.
    """
    return int(_asked(running, CLEAR, {})["cleared"])


def _asked(running: State, operation: str, given: dict[str, object]) -> dict[str, Any]:
    status, answer = ask(running, SERVICE, f"{TARGET_PREFIX}{operation}", json.dumps(given))
    if status == 200:
        return answer
    message = str(answer.get("message", f"HTTP status {status}"))
    if status in {401, 403}:
        raise AccessDenied(message, hint="Use the credentials of `visionml local env`.")
    raise InvalidInput(message, hint=str(answer.get("hint", "")))
