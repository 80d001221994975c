# ruff: noqa: SLF001  (these modules exist to touch what MiniStack does not offer)
"""Distributed Maps whose fields are JSONata, under the role of their state machine."""

import functools
from collections.abc import Callable, Iterable
from typing import Any

from ministack.services import stepfunctions

from visionml.errors import AccessDenied
from visionml.local.internals.iam import enforce
from visionml.local.internals.states import execution_error, execution_role

_FIGURES = ("MaxConcurrency", "ToleratedFailureCount", "ToleratedFailurePercentage")
_KEPT = ("Type", "Label")

Permissions = Callable[[str, dict[str, Any]], Iterable[tuple[str, str]]]
"""Takes the machine's ARN and where items are read from, and gives (action, resource ARN)."""


def distribute_as_aws(permissions: Permissions) -> None:
    """Run Distributed Maps in JSONata, which MiniStack reads as if they were JSONPath.

    As on AWS the executions of a map see its items and none of the machine's variables, and its
    role has to allow what it reads and starts.
    """
    run = stepfunctions._run_distributed_map

    @functools.wraps(run)
    def distributed(
        state: dict[str, Any], given: Any, effective: Any, *of_map: dict[str, Any]
    ) -> Any:
        iterator, execution, context = of_map

        def value(field: Any, at: dict[str, Any], **more: Any) -> Any:
            return stepfunctions._apply_jsonata_template(field, given, at, **more)

        by_jsonata = stepfunctions._state_query_language(state, context) == "JSONata"
        reader = dict(state.get("ItemReader") or {})
        if by_jsonata and "Arguments" in reader:
            reader["Arguments"] = value(reader["Arguments"], context)
        _check(permissions(execution["stateMachineArn"], reader))
        if not by_jsonata:
            return run(state, given, effective, iterator, execution, context)
        items = (
            stepfunctions._read_map_items(reader, given, context)
            if reader
            else value(state["Items"], context)
        )
        orders = [_order(state, each, index, context, value) for index, each in enumerate(items)]
        plain = {name: state[name] for name in _KEPT if name in state}
        plain |= {name: value(state[name], context) for name in _FIGURES if name in state}
        alone = {**context, "variables": {}}
        results, _ = run({**plain, "End": True}, orders, orders, iterator, execution, alone)
        output = stepfunctions._apply_jsonata_output(
            state, given, context, result=results, default=results
        )
        stepfunctions._apply_state_assign(state, given, context, result=results)
        return output, stepfunctions._next_or_end(state)

    stepfunctions._run_distributed_map = distributed


def _order(
    state: dict[str, Any],
    item: Any,
    index: int,
    context: dict[str, Any],
    value: Callable[..., Any],
) -> Any:
    """Return what an item's execution is started with."""
    if "ItemSelector" not in state:
        return item
    return value(
        state["ItemSelector"], {**context, "Map": {"Item": {"Index": index, "Value": item}}}
    )


def _check(needed: Iterable[tuple[str, str]]) -> None:
    role = execution_role()
    for action, arn in needed if role else ():
        try:
            enforce(role, action, arn)
        except AccessDenied as refused:
            raise execution_error("States.TaskFailed", refused.message) from refused
