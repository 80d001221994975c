"""Batch's REST paths, and names in the other cases of Step Functions and CloudFormation."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any
from urllib.parse import unquote

from visionml.local.batch.faults import Fault, invalid
from visionml.local.sagemaker import wire

SERVICE = "batch"
_TAGS = "/v1/tags/"
_TAG_OPERATIONS = {"GET": "ListTagsForResource", "POST": "TagResource", "DELETE": "UntagResource"}


def parse(
    method: str, path: str, query: Mapping[str, Sequence[str]], body: bytes
) -> tuple[str, dict[str, Any]]:
    """Return the operation and the checked request of an HTTP request.

    Raises
    ------
    Fault
        There is no such operation, or the request does not have its shape.
    """
    try:
        document = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise Fault("SerializationException", "The request body is not valid JSON.") from None
    if path.startswith(_TAGS) and method in _TAG_OPERATIONS:
        operation = _TAG_OPERATIONS[method]
        document["resourceArn"] = unquote(path.removeprefix(_TAGS))
        if "tagKeys" in query:
            document["tagKeys"] = list(query["tagKeys"])
    else:
        operation = _operations().get((method, path), "")
    if not operation:
        raise Fault("UnknownOperationException", f"{method} {path} is no operation.", status=404)
    return operation, checked(operation, document)


def checked(operation: str, document: Any) -> dict[str, Any]:
    """Return a request, checked against its shape."""
    document = _cased(_shape(operation, "input_shape"), document)
    try:
        return wire.checked(operation, document, service=SERVICE)
    except Fault as fault:
        if fault.code == "ValidationException":
            raise invalid(fault.message) from fault
        raise


def answer(operation: str, values: dict[str, Any]) -> bytes:
    """Return a response body."""
    return wire.answer(operation, values, service=SERVICE)


def error_body(fault: Fault) -> bytes:
    """Return an error's response body."""
    return json.dumps({"message": fault.message}).encode()


def job_detail(values: dict[str, Any]) -> dict[str, Any]:
    """Return a job as DescribeJobs and events describe it."""
    jobs: list[dict[str, Any]] = wire.output(
        "DescribeJobs", {"jobs": [values]}, wire.milliseconds, service=SERVICE
    )["jobs"]
    return jobs[0]


def has_operation(operation: str) -> bool:
    """Tell whether Batch has an operation on AWS."""
    return operation in wire.service_model(SERVICE).operation_names


def lowered(operation: str, document: Any) -> Any:
    """Return a request of a template or a state machine, whose names begin in upper case."""
    return _renamed(_shape(operation, "input_shape"), document, str.lower)


def raised(operation: str, document: Any) -> Any:
    """Return an answer with names as Step Functions gives them."""
    return _renamed(_shape(operation, "output_shape"), document, str.upper)


def input_shape(operation: str) -> Any:
    """Return botocore's shape of a request."""
    return _shape(operation, "input_shape")


def _shape(operation: str, which: str) -> Any:
    return getattr(wire.service_model(SERVICE).operation_model(operation), which)


def _renamed(shape: Any, value: Any, case: Any) -> Any:
    if shape is None:
        return value
    if shape.type_name == "structure" and isinstance(value, dict):
        names = {case(name[:1]) + name[1:]: name for name in value}
        members = {name[:1].lower() + name[1:]: member for name, member in shape.members.items()}
        return {
            name: _renamed(members.get(name[:1].lower() + name[1:]), value[old], case)
            for name, old in names.items()
        }
    if shape.type_name == "list" and isinstance(value, list):
        return [_renamed(shape.member, item, case) for item in value]
    return value


def _cased(shape: Any, value: Any) -> Any:
    """Return a request with the model's own spelling of enumerated values: any case is taken."""
    if shape.type_name == "structure" and isinstance(value, dict):
        members = shape.members
        return {k: _cased(members[k], v) if k in members else v for k, v in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [_cased(shape.member, item) for item in value]
    if shape.type_name == "string" and isinstance(value, str):
        known = {each.upper(): each for each in shape.enum}
        return known.get(value.upper(), value)
    return value


@cache
def _operations() -> dict[tuple[str, str], str]:
    model = wire.service_model(SERVICE)
    https = {name: model.operation_model(name).http for name in model.operation_names}
    return {(http["method"], http["requestUri"]): name for name, http in https.items()}
