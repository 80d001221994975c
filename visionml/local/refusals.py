"""What an added service answers when it refuses, in AWS's form: a code, a sentence, a status."""

from typing import Any


class Fault(Exception):
    """An answer that is an error: code, message, HTTP status and further members of the body."""

    def __init__(
        self, code: str, message: str, *, status: int = 400, members: dict[str, Any] | None = None
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.members = members or {}


def invalid(message: str) -> Fault:
    """Return what most refusals are: a ``ValidationException``."""
    return Fault("ValidationException", message)


def constraints(problems: list[str]) -> Fault:
    """Return the refusal of a request that breaks its shape; one sentence per broken constraint."""
    noun = "error" if len(problems) == 1 else "errors"
    return invalid(f"{len(problems)} validation {noun} detected: {'; '.join(problems)}")


def unknown_operation(name: str, service: str) -> Fault:
    """Return the refusal of an operation that a service's model does not have."""
    return Fault("UnknownOperationException", f"{name} is not an operation of {service}.")


def not_offered(what: str, service: str) -> Fault:
    """Return the refusal of what AWS has and the embedded service does not; it never pretends."""
    return Fault(
        "NotImplementedException",
        f"The embedded {service} does not offer {what}. It exists on AWS only.",
        status=501,
    )
