"""CloudFormation templates as an estimate reads them: resources, names, schedules, life cycles."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from visionml.contracts.names import Names
from visionml.contracts.settings import Settings

DAYS = 365 / 12
"""Of a month."""
HOURS = 730.0
"""Of a month, as AWS's own calculator has it."""

Template = Mapping[str, Any]
_ENDING = ".template.json"


@dataclass(frozen=True)
class Resource:
    """One resource of a template."""

    stack: str
    logical_id: str
    kind: str
    properties: Mapping[str, Any]


def read(assembly: Path) -> dict[str, Template]:
    """Return the templates in a folder, by stack."""
    return {
        path.name.removesuffix(_ENDING): json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(assembly.glob(f"*{_ENDING}"))
    }


@dataclass(frozen=True)
class Templates:
    """An environment's templates."""

    settings: Settings
    by_stack: Mapping[str, Template]

    def resources(self, *kinds: str) -> Iterator[Resource]:
        """Yield the resources, or those of some types."""
        for stack, template in self.by_stack.items():
            for logical_id, found in template.get("Resources", {}).items():
                if not kinds or found["Type"] in kinds:
                    yield Resource(stack, logical_id, found["Type"], found.get("Properties", {}))

    def base(self, name: Any) -> str:
        """Return a physical name without the environment's prefix and ending."""
        whole = text(name)
        for names in (Names.of(self.settings), Names.of_detector(self.settings)):
            before, _, after = names.name("*").partition("*")
            if whole.startswith(before) and after in whole:
                return whole.removeprefix(before).partition(after)[0]
        return whole

    @cached_property
    def schedules(self) -> Mapping[str, float]:
        """How often a month the rules' schedules start a resource, by its logical id."""
        found: dict[str, float] = {}
        for rule in self.resources("AWS::Events::Rule", "AWS::Scheduler::Schedule"):
            expression = rule.properties.get("ScheduleExpression")
            if not expression or rule.properties.get("State") == "DISABLED":
                continue
            whole = json.dumps(rule.properties.get("Targets", rule.properties.get("Target")))
            for logical_id in re.findall(r'"(?:Ref|Fn::GetAtt)": \[?"(\w+)"(?:, "Arn")?', whole):
                found[logical_id] = found.get(logical_id, 0.0) + times(str(expression))
        return found


_UNITS = {"minute": 1 / 60, "hour": 1.0, "day": 24.0}


def times(expression: str) -> float:
    """Return how often a month a schedule such as ``rate(1 day)`` comes round.

    Of a cron expression minutes and hours are counted; one that names days comes weekly.
    """
    rate = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    if rate:
        return HOURS / (int(rate[1]) * _UNITS[rate[2]])
    fields = expression.removeprefix("cron(").removesuffix(")").split()
    minutes, hours = (_count(field, whole) for field, whole in zip(fields, (60, 24), strict=False))
    days = DAYS / 7 if {*fields[2:5]} - {"*", "?"} else DAYS
    return minutes * hours * days


def _count(field: str, whole: int) -> float:
    if field == "*":
        return whole
    _, _, step = field.partition("/")
    return whole / int(step) if step else len(field.split(","))


def text(value: Any) -> str:
    """Return a template's value as text, with ``<LogicalId>`` for what is known later."""
    if not isinstance(value, Mapping):
        return str(value)
    ((function, argument),) = value.items()
    if function == "Fn::Join":
        return str(argument[0]).join(map(text, argument[1]))
    if function == "Fn::GetAtt":
        return f"<{'.'.join(map(str, argument))}>"
    return f"<{text(argument)}>" if isinstance(argument, str) else f"<{function}>"


@dataclass(frozen=True)
class Kept:
    """How many days an object is kept in each storage class of S3."""

    standard: float = 0.0
    infrequent: float = 0.0
    instant: float = 0.0


def kept(bucket: Resource, prefix: str, *, deleted: bool, forever: float) -> Kept:
    """Return how long objects below a prefix are kept.

    `deleted` ones stay as former versions only, for as long as the bucket's rules say; `forever`
    is taken for days where no rule ends the time.
    """
    rules = [
        rule
        for rule in bucket.properties.get("LifecycleConfiguration", {}).get("Rules", [])
        if prefix.startswith(rule.get("Prefix", ""))
    ]
    if deleted:
        versioned = bucket.properties.get("VersioningConfiguration", {}).get("Status")
        former = [
            rule["NoncurrentVersionExpiration"]["NoncurrentDays"]
            for rule in rules
            if "NoncurrentVersionExpiration" in rule
        ]
        return Kept(standard=min(former, default=forever) if versioned == "Enabled" else 1.0)
    end = min((r["ExpirationInDays"] for r in rules if "ExpirationInDays" in r), default=forever)
    moves = {
        move["StorageClass"]: float(move["TransitionInDays"])
        for rule in rules
        for move in rule.get("Transitions", [])
    }
    instant = min(moves.get("GLACIER_IR", end), end)
    infrequent = min(moves.get("STANDARD_IA", instant), instant)
    return Kept(infrequent, instant - infrequent, end - instant)
