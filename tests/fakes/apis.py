"""Which AWS APIs the code of each component calls: as recorded, and as endpoints are named."""

import json
from collections.abc import Iterable
from pathlib import Path

STORED = Path(__file__).parents[1] / "events" / "apis_called.json"
"""By role; `tests/functional/test_security.py` says what to change when the code calls others."""

_NAMES = {
    "cloudwatch": "monitoring",
    "firehose": "kinesis-firehose",
    "kinesis": "kinesis-streams",
    "sagemaker": "sagemaker.api",
}
_ON_BEHALF = {"ec2", "iam", "kms", "xray"}
"""What services ask for on a role's behalf: the code itself calls none of these."""


def api(action: str) -> str | None:
    """Return the endpoint, such as ``kinesis-streams``, that an action is asked for at."""
    service, _, operation = action.partition(":")
    if operation.startswith("InvokeEndpoint"):
        return "sagemaker.runtime"
    return None if service in _ON_BEHALF else _NAMES.get(service, service)


def apis(actions: Iterable[str]) -> set[str]:
    """Return the endpoints that actions are asked for at."""
    return {found for action in actions if (found := api(action))}


def stored() -> dict[str, set[str]]:
    """Return the stored list."""
    found: dict[str, list[str]] = json.loads(STORED.read_text(encoding="utf-8"))
    return {role: set(names) for role, names in found.items()}
