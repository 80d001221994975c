"""What SageMaker answers when it refuses, with the codes and sentences of the service itself."""

from visionml.local import refusals
from visionml.local.refusals import Fault, constraints, invalid

__all__ = [
    "Fault",
    "constraints",
    "in_use",
    "invalid",
    "not_found",
    "not_offered",
    "unknown_operation",
]


def in_use(message: str) -> Fault:
    """Return the refusal of a job whose name is taken."""
    return Fault("ResourceInUse", message)


def not_found(message: str = "Requested resource not found.") -> Fault:
    """Return the refusal of jobs and tags for something unknown."""
    return Fault("ResourceNotFound", message)


def unknown_operation(name: str, service: str = "SageMaker") -> Fault:
    """Return the refusal of an operation that a service's model does not have."""
    return refusals.unknown_operation(name, service)


def not_offered(what: str, service: str = "SageMaker") -> Fault:
    """Return the refusal of what AWS has and the embedded service does not; it never pretends."""
    return refusals.not_offered(what, service)
