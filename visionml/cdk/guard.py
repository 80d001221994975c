"""The guardrail checks on a cloud assembly."""

import json
from pathlib import Path

from visionml.contracts.settings import Settings
from visionml.errors import InvalidInput
from visionml.guardrails.catalogue import run
from visionml.guardrails.check import Finding, Subject

_ENDING = ".template.json"


def findings(settings: Settings, assembly: Path) -> list[Finding]:
    """Return what the checks find in an environment's settings and written templates."""
    templates = {
        path.name.removesuffix(_ENDING): json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(assembly.glob(f"*{_ENDING}"))
    }
    return run(Subject(settings, templates))


def refuse(settings: Settings, assembly: Path) -> None:
    """Refuse an environment in which the checks find something.

    Raises
    ------
    InvalidInput
        They do; the message names the checks.
    """
    found = findings(settings, assembly)
    if found:
        told = "\n".join(f"  {finding}" for finding in found)
        raise InvalidInput(
            f"The stacks of {settings.environment} do not pass the guardrail checks:\n{told}\n",
            hint="docs/guardrails.md tells of each check.",
        )
