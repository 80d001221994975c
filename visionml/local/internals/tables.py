# ruff: noqa: SLF001  (these modules exist to touch what MiniStack does not offer)
"""DynamoDB tables of stacks: the properties that MiniStack leaves out."""

from collections.abc import Callable, Mapping
from typing import Any

from ministack.services import dynamodb
from ministack.services.cloudformation import provisioners

TYPE = "AWS::DynamoDB::Table"
_Properties = Mapping[str, Any]
_EXPIRY, _RECOVERY = "TimeToLiveSpecification", "PointInTimeRecoverySpecification"


def keep_table_settings() -> None:
    """Give tables of stacks their time to live, point-in-time recovery and encryption."""
    own = dict(provisioners._RESOURCE_HANDLERS[TYPE])

    def create(logical_id: str, properties: _Properties, *rest: Any) -> Any:
        made = own["create"](logical_id, properties, *rest)
        _settle(made[0], {}, properties)
        return made

    def update(physical_id: str, old: _Properties, new: _Properties, *rest: Any) -> Any:
        made = own["update"](physical_id, old, new, *rest)
        _settle(made[0], old if made[0] == physical_id else {}, new)
        return made

    provisioners._RESOURCE_HANDLERS[TYPE] = {**own, "create": create, "update": update}


def _settle(table: str, old: _Properties, new: _Properties) -> None:
    if new.get("SSESpecification"):
        wanted = {
            **new["SSESpecification"],
            "Enabled": _true(new["SSESpecification"], "SSEEnabled"),
        }
        described = dynamodb._sse_description_from_spec(wanted)
        dynamodb._tables[table]["SSEDescription"] = described
    expiry = new.get(_EXPIRY) or {**(old.get(_EXPIRY) or {}), "Enabled": False}
    if expiry != old.get(_EXPIRY) and "AttributeName" in expiry:
        enabled = {**expiry, "Enabled": _true(expiry, "Enabled")}
        _ask(dynamodb._update_ttl, {"TableName": table, _EXPIRY: enabled})
    if new.get(_RECOVERY) != old.get(_RECOVERY):
        on = _true(new.get(_RECOVERY) or {}, "PointInTimeRecoveryEnabled")
        recovery = {"PointInTimeRecoveryEnabled": on}
        _ask(dynamodb._update_continuous_backups, {"TableName": table, _RECOVERY: recovery})


def _true(settings: _Properties, name: str) -> bool:
    return str(settings.get(name, False)).lower() == "true"


def _ask(operation: Callable[[dict[str, Any]], Any], request: dict[str, Any]) -> None:
    status, _headers, body = operation(request)
    if status >= 300:
        raise ValueError(f"DynamoDB refused a setting of a table: {body!r}")
