"""Whether a failed attempt is followed by another one."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from visionml.local.batch.faults import invalid

Document = dict[str, Any]
MOST_ATTEMPTS = 10
_MOST_RULES = 5
_TEXT = re.compile(r"[A-Za-z0-9.:()\s-]{1,511}\*?|\*")
_CODE = re.compile(r"[0-9]{1,511}\*?|\*")
_MEMBERS = ("onStatusReason", "onReason", "onExitCode")


@dataclass(frozen=True)
class Ending:
    """How an attempt ended."""

    exit_code: int | None = None
    """None when the container did not end by itself, or never began."""
    reason: str = ""
    """The container's reason, such as that its image cannot be had."""
    status_reason: str = "Essential container in task exited"
    final: bool = False
    """Terminated, or over its time: no rule starts it again."""

    @property
    def succeeded(self) -> bool:
        """Whether the job has done its work."""
        return self.exit_code == 0 and not self.final


def checked(strategy: Document) -> Document:
    """Return a retry strategy as Batch keeps it.

    Raises
    ------
    Fault
        It is not allowed.
    """
    attempts, rules = strategy.get("attempts"), strategy.get("evaluateOnExit") or []
    if attempts is not None and not 1 <= attempts <= MOST_ATTEMPTS:
        raise invalid(f"Job attempts can only be retried between 1 and {MOST_ATTEMPTS} times")
    if rules and attempts is None:
        raise invalid("attempts must be specified if evaluateOnExit is specified")
    if len(rules) > _MOST_RULES:
        raise invalid(f"evaluateOnExit can have at most {_MOST_RULES} conditions")
    for rule in rules:
        given = [name for name in _MEMBERS if rule.get(name)]
        if not given:
            raise invalid("evaluateOnExit needs onStatusReason, onReason or onExitCode")
        for name in given:
            if not (_CODE if name == "onExitCode" else _TEXT).fullmatch(rule[name]):
                raise invalid(f"evaluateOnExit {name} {rule[name]} should match valid pattern")
    return {"attempts": attempts or 1, "evaluateOnExit": list(rules)}


def again(ending: Ending, strategy: Mapping[str, Any], *, attempts: int) -> bool:
    """Tell whether a job is tried again after `attempts` attempts, the last of which so ended.

    The first rule that matches decides; where none does, the job is tried again.
    """
    if ending.succeeded or ending.final or attempts >= strategy["attempts"]:
        return False
    rules: Sequence[Document] = strategy["evaluateOnExit"]
    action = next((rule["action"] for rule in rules if _matches(rule, ending)), "RETRY")
    return bool(action == "RETRY")


def _matches(rule: Document, ending: Ending) -> bool:
    seen = {
        "onStatusReason": ending.status_reason,
        "onReason": ending.reason,
        "onExitCode": "" if ending.exit_code is None else str(ending.exit_code),
    }
    return all(fits(rule[name], seen[name]) for name in _MEMBERS if rule.get(name))


def fits(pattern: str, text: str) -> bool:
    """Tell whether a text is a pattern's, whose last character may be ``*``."""
    return text.startswith(pattern[:-1]) if pattern.endswith("*") else text == pattern
