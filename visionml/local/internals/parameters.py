# ruff: noqa: SLF001  (these modules exist to touch what MiniStack does not offer)
"""Parameter Store: what changes there, however it is changed."""

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ministack.services import ssm


class ParameterChange(NamedTuple):
    """One change that was carried out."""

    operation: str
    """``Create``, ``Update``, ``Delete`` or ``LabelParameterVersion``."""
    name: str
    arn: str
    type: str
    description: str


def on_parameter_change(listener: Callable[[ParameterChange], None]) -> None:
    """Call a listener with each change of a parameter, by the API or by a stack.

    It is called in the scope of the request. A listener must not raise.
    """
    put, delete, label = ssm._put_parameter, ssm._delete_parameter, ssm._label_parameter_version
    delete_all = ssm._delete_parameters

    @functools.wraps(put)
    def putting(data: Mapping[str, Any]) -> Any:
        before = _found(data.get("Name"))
        answer = put(data)
        if _done(answer):
            _tell(listener, "Update" if before else "Create", _found(data["Name"]))
        return answer

    @functools.wraps(delete)
    def deleting(data: Mapping[str, Any]) -> Any:
        before = _found(data.get("Name"))
        answer = delete(data)
        if _done(answer):
            _tell(listener, "Delete", before)
        return answer

    @functools.wraps(delete_all)
    def deleting_all(data: Mapping[str, Any]) -> Any:
        before = [_found(name) for name in data.get("Names", [])]
        answer = delete_all(data)
        for parameter in before:
            _tell(listener, "Delete", parameter)
        return answer

    @functools.wraps(label)
    def labelling(data: Mapping[str, Any]) -> Any:
        answer = label(data)
        if _done(answer) and not json.loads(answer[2])["InvalidLabels"]:
            _tell(listener, "LabelParameterVersion", _found(data["Name"]))
        return answer

    ssm._put_parameter, ssm._delete_parameter = putting, deleting
    ssm._delete_parameters, ssm._label_parameter_version = deleting_all, labelling


def _found(name: object) -> Mapping[str, Any] | None:
    if not isinstance(name, str) or name.startswith("arn:"):
        return None
    found: Mapping[str, Any] | None = ssm._lookup_parameter(name)[1]
    return found


def _done(answer: Any) -> bool:
    return bool(answer[0] == 200)


def _tell(
    listener: Callable[[ParameterChange], None],
    operation: str,
    parameter: Mapping[str, Any] | None,
) -> None:
    if parameter is not None:
        facts = (parameter["Name"], parameter["ARN"], parameter["Type"])
        listener(ParameterChange(operation, *facts, parameter.get("Description", "")))
