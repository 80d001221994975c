"""SageMaker's protocol; other services are named by `service`."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from botocore.model import ServiceModel

from visionml.local import json_protocol
from visionml.local.json_protocol import error_body, milliseconds, python_pattern

__all__ = [
    "SAGEMAKER",
    "TARGET_PREFIX",
    "answer",
    "checked",
    "error_body",
    "milliseconds",
    "output",
    "parse",
    "python_pattern",
    "service_model",
]

SAGEMAKER = "sagemaker"
TARGET_PREFIX = "SageMaker."


def service_model(service: str = SAGEMAKER) -> ServiceModel:
    """Return botocore's model of a service."""
    return json_protocol.service_model(service)


def parse(operation: str, body: bytes, *, service: str = SAGEMAKER) -> dict[str, Any]:
    """Return a request's values, as `json_protocol.parse`."""
    return json_protocol.parse(operation, body, service=service)


def checked(operation: str, document: Any, *, service: str = SAGEMAKER) -> dict[str, Any]:
    """Return a request that is already a JSON document, checked against its shape."""
    return json_protocol.checked(operation, document, service=service)


def answer(operation: str, values: dict[str, Any], *, service: str = SAGEMAKER) -> bytes:
    """Return a response body: only members of the output shape, times as seconds since 1970."""
    return json_protocol.answer(operation, values, service=service)


def output(
    operation: str,
    values: dict[str, Any],
    moment: Callable[[datetime], Any],
    *,
    service: str = SAGEMAKER,
) -> dict[str, Any]:
    """Return an operation's output, with only what its shape has and times in a given form."""
    return json_protocol.output(operation, values, moment, service=service)
