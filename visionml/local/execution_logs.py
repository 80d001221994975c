"""The logs of state machines that ask for them, as Step Functions writes them to CloudWatch."""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from visionml.errors import AccessDenied
from visionml.local import ministack

log = logging.getLogger("visionml.local")

_DATA = ("input", "inputDetails", "output", "outputDetails", "parameters", "resourceConfig")
_FATAL = ("ExecutionAborted", "ExecutionFailed", "ExecutionTimedOut")
_DETAILS = "EventDetails"


def install() -> None:
    """Write them from now on."""
    ministack.on_execution_end(_write)


def _write(machine: Mapping[str, Any], execution: Mapping[str, Any]) -> None:
    settings = machine.get("loggingConfiguration") or {}
    lines = [json.dumps(line) for line in entries(execution, settings)]
    for destination in settings.get("destinations", []) if lines else []:
        arn = destination["cloudWatchLogsLogGroup"]["logGroupArn"]
        group = arn.split(":log-group:")[1].removesuffix(":*")
        try:
            # AWS asks for it as the machine is made, and delivers as itself
            ministack.enforce(machine["roleArn"], "logs:CreateLogDelivery")
            stream = f"states/{machine['name']}/{execution['startDate'][:10]}"
            ministack.put_log_events(group, stream, lines)
        except AccessDenied as refused:
            log.warning("The machine %s is not logged: %s", machine["name"], refused.message)


def entries(execution: Mapping[str, Any], settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return an execution's log lines, as a ``LoggingConfiguration`` asks for them."""
    level = settings.get("level", "OFF")
    whole = bool(settings.get("includeExecutionData"))
    return [
        {
            "id": str(event["id"]),
            "type": event["type"],
            "details": _details(event, whole=whole),
            "previous_event_id": str(event["id"] - 1),
            "event_timestamp": str(_milliseconds(event["timestamp"])),
            "execution_arn": execution["executionArn"],
            "redrive_count": "0",
        }
        for event in execution["events"]
        if _wanted(event["type"], level)
    ]


def _wanted(kind: str, level: str) -> bool:
    fatal = kind in _FATAL
    error = fatal or kind.endswith(("Failed", "TimedOut", "Aborted"))
    return {"ALL": True, "ERROR": error, "FATAL": fatal}.get(level, False)


def _details(event: Mapping[str, Any], *, whole: bool) -> dict[str, Any]:
    found: dict[str, Any] = next(
        (dict(value) for name, value in event.items() if name.endswith(_DETAILS)), {}
    )
    return found if whole else {name: each for name, each in found.items() if name not in _DATA}


def _milliseconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).astimezone(UTC).timestamp() * 1000)
