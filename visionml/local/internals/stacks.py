# ruff: noqa: SLF001  (these modules exist to touch what MiniStack does not offer)
"""CloudFormation: resource types, names and outputs."""

import asyncio
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ministack.services import s3
from ministack.services.cloudformation import _stacks, changesets, handlers, provisioners, stacks

Properties = dict[str, Any]


@dataclass(frozen=True)
class Provisioned:
    """What ``Ref`` and ``Fn::GetAtt`` of a resource return."""

    physical_id: str
    attributes: Mapping[str, Any]


Create = Callable[[str, Properties, str], Provisioned]
"""(logical id, properties, stack name) -> the resource; an exception fails the stack."""
Update = Callable[[str, Properties, Properties, str], Provisioned]
"""(physical id, old properties, new properties, stack name) -> the resource."""
Delete = Callable[[str, Properties], None]
"""(physical id, properties); a resource that is gone already is no error."""

_blocking_types: set[str] = set()


def register_resource_type(
    type_name: str,
    *,
    create: Create,
    update: Update,
    delete: Delete,
    replaced_by: Sequence[str] = (),
    tags: Literal["list", "map"] | None = "list",
    blocking: bool = False,
) -> None:
    """Let stacks hold a resource type.

    `replaced_by` names the properties whose change makes a new resource (and deletes the old
    one); any other change reaches `update`. A `blocking` type, one that waits for something the
    server itself does, runs in a thread instead of on the event loop.
    """

    def create_pair(*args: Any) -> tuple[str, dict[str, Any]]:
        made = create(*args)
        return made.physical_id, dict(made.attributes)

    def update_pair(*args: Any) -> tuple[str, dict[str, Any]]:
        made = update(*args)
        return made.physical_id, dict(made.attributes)

    provisioners._RESOURCE_HANDLERS[type_name] = {
        "create": create_pair,
        "update": update_pair,
        "delete": delete,
    }
    provisioners._REPLACING_PROPERTIES[type_name] = tuple(replaced_by)
    if tags:
        provisioners._STACK_TAG_PROPERTY[type_name] = ("Tags", tags)
    if blocking:
        _blocking_types.add(type_name)


def _runs_on_worker_thread(resource_type: str) -> bool:
    return resource_type in _blocking_types or bool(_own_runs_on_worker_thread(resource_type))


_own_runs_on_worker_thread = stacks._runs_on_worker_thread
stacks._runs_on_worker_thread = _runs_on_worker_thread


def _changing_outputs(create: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    """Make change sets executable whose only changes are in the outputs, as in AWS.

    MiniStack compares resources alone; another stack that imports a new output would not find it.
    """

    @functools.wraps(create)
    def created(params: dict[str, Any]) -> Any:
        answer = create(params)
        name, stack = (handlers._p(params, each) for each in ("ChangeSetName", "StackName"))
        _, made = changesets._find_change_set(name, stack)
        if made and made["StatusReason"].startswith(_NO_CHANGES):
            before = (_stacks.get(made["StackName"]) or {}).get("_template", {})
            if made["_template"].get("Outputs", {}) != before.get("Outputs", {}):
                made |= {
                    "Status": "CREATE_COMPLETE",
                    "ExecutionStatus": "AVAILABLE",
                    "StatusReason": "",
                }
        return answer

    return created


_NO_CHANGES = "The submitted information didn't contain changes."
handlers._ACTION_HANDLERS["CreateChangeSet"] = _changing_outputs(
    handlers._ACTION_HANDLERS["CreateChangeSet"]
)


def resource_types() -> frozenset[str]:
    """Return the CloudFormation types that can be deployed."""
    return frozenset(provisioners._RESOURCE_HANDLERS)


def add_attributes(type_name: str, extra: Callable[[Properties], Mapping[str, Any]]) -> None:
    """Give a type that MiniStack serves further ``Fn::GetAtt`` values."""
    handler = provisioners._RESOURCE_HANDLERS[type_name]
    create, update = handler["create"], handler["update"]

    def with_extra(_id: str, properties: Properties, *rest: Any) -> tuple[str, dict[str, Any]]:
        physical_id, attributes = create(_id, properties, *rest)
        return physical_id, {**attributes, **extra(properties)}

    def updated(_id: str, old: Properties, new: Properties, *rest: Any) -> tuple[str, Any]:
        physical_id, attributes = update(_id, old, new, *rest)
        return physical_id, {**attributes, **extra(new)}

    handler |= {"create": with_extra, "update": updated}


def rewrite_outputs(rewrite: Callable[[str], str]) -> None:
    """Pass the value of every stack output through a function when a stack is deployed."""
    resolve = stacks._resolve_stack_outputs

    @functools.wraps(resolve)
    def wrapped(*args: Any) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
        outputs, exports = resolve(*args)
        for output in outputs:
            output["OutputValue"] = rewrite(output["OutputValue"])
        for export in exports.values():
            export["Value"] = rewrite(export["Value"])
        return outputs, exports

    stacks._resolve_stack_outputs = wrapped


def keep_full_buckets() -> None:
    """Fail the deletion of a bucket that holds objects, as AWS does; MiniStack drops them."""
    handler = provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]
    delete = handler["delete"]

    def refuse(physical_id: str, properties: Properties) -> None:
        root = {"host": "s3", "authorization": "AWS4-HMAC-SHA256 Credential=test/d/r/s3/x"}
        status, _, listed = asyncio.run(
            s3.handle_request("GET", f"/{physical_id}", root, b"", {"versions": [""]})
        )
        if status == 200 and (b"<Version>" in listed or b"<DeleteMarker>" in listed):
            raise ValueError(
                "The bucket you tried to delete is not empty. "
                "You must delete all versions in the bucket."
            )
        delete(physical_id, properties)

    handler["delete"] = refuse
    _blocking_types.add("AWS::S3::Bucket")


def physical_name(
    stack_name: str, logical_id: str, *, max_length: int = 63, lowercase: bool = False
) -> str:
    """Return CloudFormation's generated name of a resource that was given none."""
    return str(
        provisioners._physical_name(stack_name, logical_id, max_len=max_length, lowercase=lowercase)
    )
