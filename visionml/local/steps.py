"""What MiniStack's own Step Functions integrations need of the state machine's role.

AWS checks each task's call against that role; MiniStack does not. ``aws-sdk`` tasks need no entry
here: the request that they make is checked itself.
"""

from collections.abc import Iterator
from typing import Any

from visionml.local import ministack

_PREFIX = "arn:aws:states:::"


def install() -> None:
    """Hold every state machine to its role, and tell of the tasks inside maps."""
    ministack.enforce_machine_roles(permissions)
    ministack.tell_mapped_tasks()
    ministack.keep_callbacks()
    ministack.distribute_as_aws(map_permissions)


def permissions(resource: str, parameters: Any) -> Iterator[tuple[str, str]]:
    """Return the (action, resource ARN) pairs that a task needs."""
    if resource.startswith("arn:") and ":function:" in resource:
        yield "lambda:InvokeFunction", resource
        return
    service, _, call = resource.removeprefix(_PREFIX).partition(":")
    call = call.split(".", maxsplit=1)[0]
    given = parameters if isinstance(parameters, dict) else {}
    if service == "lambda" and call == "invoke":
        yield "lambda:InvokeFunction", _arn("lambda", "function:", given.get("FunctionName"))
    elif service == "sns" and call == "publish":
        yield "sns:Publish", str(given.get("TopicArn", "*"))
    elif service == "sqs" and call == "sendMessage":
        yield "sqs:SendMessage", _arn("sqs", "", str(given.get("QueueUrl", "")).rsplit("/", 1)[-1])
    elif service == "dynamodb":
        yield f"dynamodb:{pascal(call)}", _arn("dynamodb", "table/", given.get("TableName"))
    elif service == "events" and call == "putEvents":
        for entry in given.get("Entries") or []:
            bus = str(entry.get("EventBusName") or "default")
            yield "events:PutEvents", _arn("events", "event-bus/", bus)
    elif service == "states" and call == "startExecution":
        yield "states:StartExecution", str(given.get("StateMachineArn", "*"))


def map_permissions(machine: str, reader: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Return the (action, resource ARN) pairs that a Distributed Map of a machine needs."""
    yield "states:StartExecution", machine
    given = reader.get("Arguments") or {}
    if str(reader.get("Resource", "")).endswith("s3:getObject"):
        yield "s3:GetObject", f"arn:aws:s3:::{given.get('Bucket', '*')}/{given.get('Key', '*')}"
    elif reader:
        yield "s3:ListBucket", f"arn:aws:s3:::{given.get('Bucket', '*')}"


def _arn(service: str, kind: str, name: object) -> str:
    text = str(name or "*")
    if text.startswith("arn:"):
        return text
    return f"arn:aws:{service}:{ministack.region()}:{ministack.account()}:{kind}{text}"


def pascal(call: str) -> str:
    """Return the operation that a task calls: ``PutItem`` of ``putItem``."""
    return call[:1].upper() + call[1:]
