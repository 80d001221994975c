"""Checking job definitions, and what a job is from its definition and its submission."""

from collections.abc import Mapping, Sequence
from typing import Any

from visionml.local.batch import retries
from visionml.local.batch.core import FARGATE, Specification
from visionml.local.batch.faults import invalid, not_offered
from visionml.local.batch.placement import Ask
from visionml.local.sagemaker.core import Document

LEAST_SECONDS = 60
_GIB = 1024
_FARGATE: dict[float, Sequence[int]] = {
    0.25: (512, 1024, 2048),
    0.5: range(1 * _GIB, 4 * _GIB + 1, _GIB),
    1: range(2 * _GIB, 8 * _GIB + 1, _GIB),
    2: range(4 * _GIB, 16 * _GIB + 1, _GIB),
    4: range(8 * _GIB, 30 * _GIB + 1, _GIB),
    8: range(16 * _GIB, 60 * _GIB + 1, 4 * _GIB),
    16: range(32 * _GIB, 120 * _GIB + 1, 8 * _GIB),
}
"""Memory in MiB that Fargate offers with so many vCPUs, after ECS's developer guide."""
_LISTS = (
    "command",
    "environment",
    "mountPoints",
    "resourceRequirements",
    "secrets",
    "ulimits",
    "volumes",
)
_REFUSED = {
    "volumes": "volumes",
    "mountPoints": "mountPoints",
    "repositoryCredentials": "images of other registries (repositoryCredentials)",
}


def container_of(properties: Document, platform: str) -> Document:
    """Return a definition's container as Batch keeps it.

    Raises
    ------
    Fault
        It contradicts itself, or needs what is not offered.
    """
    for name, words in _REFUSED.items():
        if properties.get(name):
            raise not_offered(words)
    if not properties.get("image"):
        raise invalid("Container image is required")
    _check_logs(properties.get("logConfiguration", {}))
    _check_environment(properties.get("environment", []))
    container = {**dict.fromkeys(_LISTS), **properties}
    container |= {name: list(container[name] or []) for name in _LISTS}
    _check_asks(_ask(container), container, platform)
    return container


def resolve(definition: Document, submission: Document) -> Specification:
    """Return what a job is to do.

    Raises
    ------
    Fault
        An override is not allowed.
    """
    overrides = submission.get("containerOverrides", {})
    container = _overridden(definition["containerProperties"], overrides)
    _check_environment(overrides.get("environment", []))
    ask = _ask(container)
    _check_asks(ask, container, definition["platformCapabilities"][0])
    seconds = timeout_of(submission.get("timeout") or definition.get("timeout") or {})
    strategy = submission.get("retryStrategy") or definition.get("retryStrategy") or {}
    return Specification(
        container,
        ask,
        {**definition.get("parameters", {}), **submission.get("parameters", {})},
        retries.checked(strategy),
        seconds,
    )


def timeout_of(given: Mapping[str, Any]) -> int | None:
    """Return the seconds that an attempt may take."""
    seconds = given.get("attemptDurationSeconds")
    if seconds is not None and seconds < LEAST_SECONDS:
        raise invalid(f"Job timeout attemptDurationSeconds must be at least {LEAST_SECONDS}")
    return seconds


def _overridden(container: Document, overrides: Document) -> Document:
    legacy = {"VCPU": overrides.get("vcpus"), "MEMORY": overrides.get("memory")}
    given = {kind: str(value) for kind, value in legacy.items() if value is not None}
    given |= {each["type"]: each["value"] for each in overrides.get("resourceRequirements", [])}
    needs = {each["type"]: each["value"] for each in container["resourceRequirements"]}
    changed = {
        "resourceRequirements": [{"type": k, "value": v} for k, v in {**needs, **given}.items()],
        "environment": _named(container["environment"], overrides.get("environment", [])),
        "command": overrides.get("command") or container["command"],
    }
    replaced = {"vcpus": "VCPU", "memory": "MEMORY"}
    kept = {name: value for name, value in container.items() if replaced.get(name) not in given}
    return {**kept, **changed}


def _named(first: Sequence[Document], second: Sequence[Document]) -> list[Document]:
    values = {each["name"]: each.get("value", "") for each in [*first, *second]}
    return [{"name": name, "value": value} for name, value in values.items()]


def _ask(container: Document) -> Ask:
    needs = {each["type"]: each["value"] for each in container["resourceRequirements"]}
    if "GPU" in needs:
        raise not_offered("GPUs for jobs (resourceRequirements of type GPU)")
    try:
        vcpus = float(needs.get("VCPU") or container.get("vcpus") or 0)
        memory = int(needs.get("MEMORY") or container.get("memory") or 0)
    except ValueError:
        raise invalid("Values of resourceRequirements must be numbers") from None
    return Ask(vcpus, memory)


def _check_asks(ask: Ask, container: Document, platform: str) -> None:
    if platform == "FARGATE":
        if ask.memory_mib not in _FARGATE.get(ask.vcpus, ()):
            raise invalid(
                f"Fargate resource requirements ({ask.vcpus:.2f} vCPU, {ask.memory_mib} MiB) "
                "not valid."
            )
        if not container.get("executionRoleArn"):
            raise invalid("Fargate jobs require executionRoleArn")
        return
    if ask.vcpus < 1 or ask.vcpus != int(ask.vcpus):
        raise invalid("Container properties should have vCPUs of at least 1, in whole numbers")
    if ask.memory_mib < 4:
        raise invalid("Container properties should have memory of at least 4 MiB")


def _check_logs(given: Document) -> None:
    if given.get("logDriver", "awslogs") != "awslogs":
        raise not_offered(f"the log driver {given['logDriver']}; use awslogs")
    if given.get("secretOptions"):
        raise not_offered("secretOptions of a log configuration")


def _check_environment(variables: Sequence[Document]) -> None:
    for each in variables:
        if str(each.get("name", "")).startswith("AWS_BATCH"):
            raise invalid("Environment variables cannot start with AWS_BATCH")


def fits_platform(definition: Document, kind: str) -> bool:
    """Tell whether a definition's jobs run in environments of a kind."""
    wanted = "FARGATE" if kind in FARGATE else "EC2"
    return wanted in definition["platformCapabilities"]
