"""The JSON protocol of AWS services, driven by botocore's model of a service.

botocore's client-side validator skips enumerations, patterns, maxima and the lengths of maps;
here they are checked, with the sentences that the service answers.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel

from visionml.local.refusals import Fault, constraints, unknown_operation

_SHOWN_CHARACTERS = 1024


@cache
def service_model(service: str) -> ServiceModel:
    """Return botocore's model of a service."""
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def parse(operation: str, body: bytes, *, service: str) -> dict[str, Any]:
    """Return a request as Python values (times as aware ``datetime``), checked against its shape.

    Raises
    ------
    Fault
        ``UnknownOperationException``, ``SerializationException`` or ``ValidationException``.
    """
    if operation not in service_model(service).operation_names:
        raise unknown_operation(operation, service_model(service).service_id)
    try:
        document = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise Fault("SerializationException", "The request body is not valid JSON.") from None
    return checked(operation, document, service=service)


def checked(operation: str, document: Any, *, service: str) -> dict[str, Any]:
    """Return a request that is already a JSON document, checked against its shape."""
    shape = service_model(service).operation_model(operation).input_shape
    problems: list[str] = []
    value = _Checker(problems).walk(shape, document, "")
    if problems:
        raise constraints(problems)
    return dict(value or {})


def answer(operation: str, values: dict[str, Any], *, service: str) -> bytes:
    """Return a response body: only members of the output shape, times as seconds since 1970."""
    return json.dumps(output(operation, values, _seconds, service=service)).encode()


def output(
    operation: str,
    values: dict[str, Any],
    moment: Callable[[datetime], Any],
    *,
    service: str,
) -> dict[str, Any]:
    """Return an operation's output, with only what its shape has and times in a given form."""
    shape = service_model(service).operation_model(operation).output_shape
    return dict(_shaped(shape, values, moment)) if shape else {}


def milliseconds(moment: datetime) -> int:
    """Return a time as events and Step Functions' SageMaker tasks carry it."""
    return int(moment.timestamp() * 1000)


def _seconds(moment: datetime) -> float:
    return round(moment.timestamp(), 3)


def _shaped(shape: Any, value: Any, moment: Callable[[datetime], Any]) -> Any:
    if shape.type_name == "structure":
        return {
            name: _shaped(member, value[name], moment)
            for name, member in shape.members.items()
            if value.get(name) is not None
        }
    if shape.type_name == "list":
        return [_shaped(shape.member, item, moment) for item in value]
    if shape.type_name == "map":
        return {key: _shaped(shape.value, item, moment) for key, item in value.items()}
    return moment(value) if isinstance(value, datetime) else value


def error_body(fault: Fault) -> bytes:
    """Return an error's response body."""
    return json.dumps({"__type": fault.code, "message": fault.message, **fault.members}).encode()


class _Checker:
    """Walks a document along its shape, collecting every broken constraint."""

    def __init__(self, problems: list[str]) -> None:
        self._problems = problems
        self._kinds: dict[str, Callable[[Any, Any, str], Any]] = {
            "structure": self._structure,
            "list": self._list,
            "map": self._map,
            "string": self._string,
            "timestamp": self._timestamp,
            "blob": self._blob,
        }

    def walk(self, shape: Any, value: Any, path: str) -> Any:
        kind = shape.type_name
        if kind in self._kinds:
            return self._kinds[kind](shape, value, path)
        if kind in ("integer", "long"):
            self._require(isinstance(value, int) and not isinstance(value, bool), value, "Integer")
            self._range(shape, value, path)
        elif kind in ("float", "double"):
            self._require(
                isinstance(value, int | float) and not isinstance(value, bool), value, "Float"
            )
            self._range(shape, value, path)
        elif kind == "boolean":
            self._require(isinstance(value, bool), value, "Boolean")
        return value

    def _structure(self, shape: Any, value: Any, path: str) -> dict[str, Any]:
        self._require(isinstance(value, dict), value, "structure")
        for name in shape.required_members:
            if value.get(name) is None:
                self._broken(None, _join(path, name), "Member must not be null")
        return {
            name: self.walk(member, value[name], _join(path, name))
            for name, member in shape.members.items()
            if value.get(name) is not None
        }

    def _list(self, shape: Any, value: Any, path: str) -> list[Any]:
        self._require(isinstance(value, list), value, "List")
        self._length(shape, value, path)
        return [
            self.walk(shape.member, item, f"{path}.{number}.member")
            for number, item in enumerate(value, start=1)
        ]

    def _map(self, shape: Any, value: Any, path: str) -> dict[str, Any]:
        self._require(isinstance(value, dict), value, "Map")
        self._length(shape, value, path)
        for part, shapes, items in (
            ("keys", shape.key, list(value)),
            ("value", shape.value, list(value.values())),
        ):
            inner: list[str] = []
            checker = _Checker(inner)
            for item in items:
                checker.walk(shapes, item, path)
            rules = sorted({text.split("constraint: ", 1)[1] for text in inner})
            if rules:
                self._broken(value, path, f"Map {part} must satisfy constraint: [{rules[0]}]")
        return dict(value)

    def _string(self, shape: Any, value: Any, path: str) -> str:
        self._require(isinstance(value, str), value, "String")
        self._length(shape, value, path)
        pattern = shape.metadata.get("pattern")
        if pattern and not _compiled(pattern).fullmatch(value):
            self._broken(value, path, f"Member must satisfy regular expression pattern: {pattern}")
        if shape.enum and value not in shape.enum:
            known = ", ".join(shape.enum)
            self._broken(value, path, f"Member must satisfy enum value set: [{known}]")
        return str(value)

    def _blob(self, shape: Any, value: Any, path: str) -> bytes:
        self._require(isinstance(value, str), value, "Blob")
        try:
            content = base64.b64decode(value, validate=True)
        except binascii.Error:
            raise Fault("SerializationException", "A blob is not valid Base64.") from None
        size = len(content)
        low, high = shape.metadata.get("min", 0), shape.metadata.get("max", size)
        if not low <= size <= high:
            bound = (
                f"less than or equal to {high}"
                if size > high
                else f"greater than or equal to {low}"
            )
            shown = f"java.nio.HeapByteBuffer[pos=0 lim={size} cap={size}]"
            self._broken(shown, path, f"Member must have length {bound}")
        return content

    def _timestamp(self, shape: Any, value: Any, path: str) -> datetime:
        del shape, path
        if isinstance(value, str):
            try:
                return datetime.fromisoformat(value).astimezone(UTC)
            except ValueError:
                pass
        self._require(
            isinstance(value, int | float) and not isinstance(value, bool), value, "Timestamp"
        )
        return datetime.fromtimestamp(value, UTC)

    def _range(self, shape: Any, value: float, path: str) -> None:
        low, high = shape.metadata.get("min"), shape.metadata.get("max")
        if low is not None and value < low:
            self._broken(value, path, f"Member must have value greater than or equal to {low}")
        if high is not None and value > high:
            self._broken(value, path, f"Member must have value less than or equal to {high}")

    def _length(self, shape: Any, value: Any, path: str) -> None:
        low, high = shape.metadata.get("min"), shape.metadata.get("max")
        if low is not None and len(value) < low:
            self._broken(value, path, f"Member must have length greater than or equal to {low}")
        if high is not None and len(value) > high:
            self._broken(value, path, f"Member must have length less than or equal to {high}")

    def _broken(self, value: Any, path: str, rule: str) -> None:
        shown = "null" if value is None else f"'{str(value)[:_SHOWN_CHARACTERS]}'"
        self._problems.append(f"Value {shown} at '{path}' failed to satisfy constraint: {rule}")

    @staticmethod
    def _require(fits: bool, value: Any, wanted: str) -> None:
        if not fits:
            raise Fault(
                "SerializationException", f"{_token(value)} can not be converted to {wanted}"
            )


def _token(value: Any) -> str:
    if isinstance(value, bool):
        return "TRUE_VALUE" if value else "FALSE_VALUE"
    names = {str: "STRING_VALUE", int: "NUMBER_VALUE", float: "DECIMAL_VALUE", list: "START_ARRAY"}
    return names.get(type(value), "START_OBJECT" if isinstance(value, dict) else "NULL_VALUE")


def _join(path: str, member: str) -> str:
    name = member[0].lower() + member[1:]
    return f"{path}.{name}" if path else name


# The model holds Java expressions: what Python's re does not know is said in its own words.
_JAVA = (
    (r"\p{Alnum}", "a-zA-Z0-9"),
    (r"\p{Print}", "[ -~]"),  # stands alone in the models, outside of brackets
    (r"\p{L}", r"\w"),
    (r"\p{N}", r"\d"),
    (r"\p{Z}", r"\s"),
    (r"\p{M}", ""),
    (r"\p{S}", r"\S"),
    (r"\p{P}", r"\S"),
    (r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF"),
)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(python_pattern(pattern))


def python_pattern(pattern: str) -> str:
    """Return a Java expression of the model in Python's words."""
    for java, python in _JAVA:
        pattern = pattern.replace(java, python)
    return re.sub(r"\*\)\$\{1,\d+\}$", "*)", pattern)  # a slip of the model: CustomerMetadataKey
