"""What AWS Batch answers when it refuses; nearly everything is a ``ClientException``."""

import uuid

from visionml.local.sagemaker.faults import Fault
from visionml.local.sagemaker.faults import not_offered as refused

__all__ = ["Fault", "client", "denied", "invalid", "not_offered"]


def client(message: str) -> Fault:
    """Return the refusal of a request that does not fit what there is."""
    return Fault("ClientException", message)


def invalid(message: str) -> Fault:
    """Return the refusal of a request whose values are not allowed."""
    return client(f"Error executing request, Exception : {message}, RequestId: {uuid.uuid4()}")


def denied(message: str) -> Fault:
    """Return IAM's refusal."""
    return Fault("AccessDeniedException", message, status=403)


def not_offered(what: str) -> Fault:
    """Return the refusal of what AWS has and the embedded Batch does not."""
    return refused(what, "AWS Batch")
