"""What roles are allowed, set against what they were seen doing."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from visionml.contracts.calls import RecordedCall
from visionml.errors import SettingsInvalid
from visionml.guardrails.template import Template, mappings, resources, text

REASONS = Path(__file__).parents[2] / "infra" / "unused_grants.toml"
"""Why roles are allowed what they were never seen doing; the one place for it."""
WILDCARDS = "visionml:wildcards"
"""Where a role's metadata say why its policies name resources by a wildcard."""

_HASH = re.compile(r"[0-9A-F]{8}$")
_POLICIES = ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::Role")


@dataclass(frozen=True)
class Role:
    """A role of the platform and the policies that it has."""

    where: str
    """``Stack/LogicalId``, without CDK's hash."""
    name: str
    """The physical name, as the record has it."""
    statements: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Denied:
    """Calls that IAM refused a role."""

    role: str
    action: str
    resource: str
    count: int


@dataclass(frozen=True)
class Unused:
    """An action that a role may do on a resource and was not seen doing."""

    role: str
    action: str
    resource: str
    because: str
    """Why it is allowed nevertheless; empty where nobody said."""


@dataclass(frozen=True)
class Wildcard:
    """A resource that a policy names by a wildcard."""

    role: str
    actions: tuple[str, ...]
    resource: str
    because: str


@dataclass(frozen=True)
class Grants:
    """The record against the policies."""

    recorded: bool
    """Whether there is a record; without one nothing is known but the wildcards."""
    used: int
    """How many pairs of action and resource were seen in use."""
    denied: tuple[Denied, ...]
    unused: tuple[Unused, ...]
    wildcards: tuple[Wildcard, ...]

    @property
    def unexplained(self) -> tuple[Unused, ...]:
        """The unused ones that nobody gave a reason for."""
        return tuple(each for each in self.unused if not each.because)

    @property
    def figure(self) -> dict[str, int] | None:
        """What a run's summary says of it."""
        if not self.recorded:
            return None
        return {"denied": len(self.denied), "unexplained_unused": len(self.unexplained)}

    @property
    def clean(self) -> bool:
        """Whether nothing was denied, and whatever is unused or a wildcard has its reason."""
        return not (
            self.denied or self.unexplained or any(not each.because for each in self.wildcards)
        )


class Explanation(BaseModel):
    """Why grants are not seen in use; `roles`, `actions` and `resources` are patterns."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    roles: tuple[str, ...]
    """Of ``Stack/LogicalId``, such as ``Serving/Handlers*``."""
    actions: tuple[str, ...]
    resources: tuple[str, ...] = ("*",)
    because: str = Field(min_length=20)

    def covers(self, role: str, action: str, resource: str) -> bool:
        """Tell whether it speaks of a grant."""
        return (
            _any(role, self.roles) and _any(action, self.actions) and _any(resource, self.resources)
        )


def explanations(file: Path = REASONS) -> tuple[Explanation, ...]:
    """Read the reasons for unused grants.

    Raises
    ------
    SettingsInvalid
        An entry has no reason, or a key that is not known.
    """
    try:
        entries = tomllib.loads(file.read_text(encoding="utf-8")).get("unused", [])
        return tuple(Explanation.model_validate(entry) for entry in entries)
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise SettingsInvalid(
            f"{file.name} cannot be read: {error}",
            hint="Each [[unused]] has roles, actions and because, and may have resources.",
        ) from error


def compare(
    roles: Sequence[Role],
    calls: Iterable[RecordedCall] | None,
    *,
    wildcards: Sequence[Wildcard],
    explained: Sequence[Explanation],
) -> Grants:
    """Set a record of calls against the policies of roles, which name real resources."""
    if calls is None:
        return Grants(recorded=False, used=0, denied=(), unused=(), wildcards=tuple(wildcards))
    seen: dict[str, list[RecordedCall]] = {role.name: [] for role in roles}
    for call in calls:
        if call.role in seen:
            seen[call.role].append(call)
    used = 0
    unused: list[Unused] = []
    for role in roles:
        done = [call for call in seen[role.name] if call.allowed]
        for action, resource in sorted(pairs(role.statements)):
            if any(_matches(call, action, resource) for call in done):
                used += 1
            else:
                because = _because(explained, role.where, action, resource)
                unused.append(Unused(role.where, action, resource, because))
    refused = tuple(
        Denied(role.where, call.action, call.resource, call.count)
        for role in roles
        for call in seen[role.name]
        if not call.allowed
    )
    return Grants(
        recorded=True,
        used=used,
        denied=refused,
        unused=tuple(unused),
        wildcards=tuple(wildcards),
    )


def pairs(statements: Iterable[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """Return each action that statements allow, with each resource that they allow it on."""
    return {
        (str(action), text(resource))
        for statement in statements
        if statement.get("Effect") == "Allow"
        for action in listed(statement.get("Action"))
        for resource in listed(statement.get("Resource"))
    }


def wildcards(templates: Mapping[str, Template]) -> list[Wildcard]:
    """Return the wildcards of the roles' policies, each with the reason that its role gives."""
    return [
        Wildcard(role, tuple(map(str, listed(statement["Action"]))), resource, reasons(resource))
        for role, statement, reasons in _allowing(templates)
        for resource in map(text, listed(statement.get("Resource")))
        if "*" in resource
    ]


def role_statements(templates: Mapping[str, Template]) -> dict[str, list[Mapping[str, Any]]]:
    """Return what the templates' roles are allowed, by ``Stack/LogicalId`` without the hash."""
    found: dict[str, list[Mapping[str, Any]]] = {
        readable(role.where): [] for role in resources(templates, ("AWS::IAM::Role",))
    }
    for role, statement, _reasons in _allowing(templates):
        found[role].append(statement)
    return found


def readable(where: str) -> str:
    """Return ``Stack/LogicalId`` without CDK's hash."""
    return _HASH.sub("", where)


def listed(value: Any) -> list[Any]:
    """Return a policy's one or many as many."""
    return list(value) if isinstance(value, list) else [] if value is None else [value]


class _Reasons(dict[str, str]):
    """A role's reasons by resource."""

    def __call__(self, resource: str) -> str:
        return self.get(resource, "")


def _allowing(
    templates: Mapping[str, Template],
) -> Iterator[tuple[str, Mapping[str, Any], _Reasons]]:
    """Yield each statement that allows a role something, with the role's reasons."""
    for policy in resources(templates, _POLICIES):
        stack = policy.where.partition("/")[0]
        for role in _roles(policy.kind, policy.where.partition("/")[2], policy.properties):
            metadata = templates[stack]["Resources"].get(role, {}).get("Metadata", {})
            reasons = _Reasons(metadata.get(WILDCARDS, {}))
            for statement in _statements(policy.properties):
                if statement.get("Effect") == "Allow":
                    yield readable(f"{stack}/{role}"), statement, reasons


def _roles(kind: str, logical_id: str, properties: Mapping[str, Any]) -> list[str]:
    if kind == "AWS::IAM::Role":
        return [logical_id]
    return [each["Ref"] for each in properties.get("Roles", []) if "Ref" in each]


def _statements(properties: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the statements of a policy, or those of a role's own policies, but not its trust."""
    documents = [properties.get("PolicyDocument", {})]
    documents += [each["PolicyDocument"] for each in properties.get("Policies", [])]
    for document in documents:
        for statement in listed(document.get("Statement")):
            yield next(mappings(statement))


def _matches(call: RecordedCall, action: str, resource: str) -> bool:
    return _any(call.action, (action,)) and _any(call.resource, (resource,))


def _any(value: str, patterns: Iterable[str]) -> bool:
    """Match as IAM does: ``*`` and ``?`` only; brackets mean themselves."""
    return any(fnmatchcase(value, pattern.replace("[", "[[]")) for pattern in patterns)


def _because(explained: Sequence[Explanation], role: str, action: str, resource: str) -> str:
    return next((each.because for each in explained if each.covers(role, action, resource)), "")
