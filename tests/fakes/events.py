"""The golden payloads of ``tests/events``."""

import json
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parents[1] / "events"


def load(name: str) -> dict[str, Any]:
    """Return the payload in ``tests/events/NAME.json``."""
    event: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return event
