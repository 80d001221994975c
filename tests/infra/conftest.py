"""The stacks of each environment, synthesised and validated once in a pytest process."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from visionml.cdk import node

node.choose()  # before any test imports aws_cdk

from visionml.cdk.synth import synthesise  # noqa: E402
from visionml.contracts import settings  # noqa: E402
from visionml.contracts.settings import Settings  # noqa: E402

Resource = dict[str, Any]
STACKS = (
    "Storage",
    "Network",
    "Monitoring",
    "Analytics",
    "Intake",
    "Training",
    "Serving",
    "Batch",
    "Drift",
)


@dataclass(frozen=True)
class Synthesised:
    """One environment's templates, by stack."""

    settings: Settings
    folder: Path
    templates: dict[str, dict[str, Any]]

    def resources(self, kind: str, *, stack: str | None = None) -> dict[str, Resource]:
        """Return the resources of a CloudFormation type by ``stack/logical id``."""
        return {
            f"{name}/{logical_id}": resource
            for name, template in self.templates.items()
            for logical_id, resource in template["Resources"].items()
            if resource["Type"] == kind and stack in {None, name}
        }

    def properties(self, kind: str, *, stack: str | None = None) -> list[dict[str, Any]]:
        """Return the properties of the resources of a type."""
        return [each.get("Properties", {}) for each in self.resources(kind, stack=stack).values()]


Synthesise = Callable[[str], Synthesised]

OVERRIDES = {
    "images.upload_limit_bytes": "1000000",
    "intake.reserved_concurrency": "60",
    "intake.tracing": "false",
    "lambda_architecture": "x86_64",
    "permissions_boundary": "arn:aws:iam::123456789012:policy/of-the-organisation",
    "private_network": "true",
    "redaction.enabled": "true",
    "redaction.keep_originals": "true",
    "retention.logs_days": "7",
    "serving.cache_seconds": "0",
    "serving.allowed_origins": "https://app.example.com",
    "serving.initial_instances": "3",
    "serving.instance_type": "ml.g5.xlarge",
    "stream.enhanced_fan_out": "true",
    "stream.mode": "on_demand",
    "training.instance_type": "ml.g5.xlarge",
    "training.on_drift": "true",
}


@pytest.fixture(scope="session")
def synthesised(tmp_path_factory: pytest.TempPathFactory) -> Synthesise:
    """Return an environment's templates; they have passed cdk-nag when this returns."""

    @cache
    def once(environment: str) -> Synthesised:
        return _synthesised(settings.load(environment), tmp_path_factory.mktemp(environment))

    return once


@pytest.fixture(scope="session")
def overridden(tmp_path_factory: pytest.TempPathFactory) -> Synthesised:
    """The environment ``dev`` with `OVERRIDES`."""
    return _synthesised(settings.load("dev", OVERRIDES), tmp_path_factory.mktemp("overridden"))


def _synthesised(chosen: Settings, folder: Path) -> Synthesised:
    synthesise(chosen, folder, validate=True)
    return Synthesised(chosen, folder, {name: read_template(folder, name) for name in STACKS})


@pytest.fixture(params=settings.ENVIRONMENTS)
def environment(request: pytest.FixtureRequest, synthesised: Synthesise) -> Synthesised:
    """Each environment in turn."""
    return synthesised(request.param)


@pytest.fixture
def local(synthesised: Synthesise) -> Synthesised:
    """The environment on this computer."""
    return synthesised("local")


@pytest.fixture
def prod(synthesised: Synthesise) -> Synthesised:
    """Production."""
    return synthesised("prod")


def read_template(folder: Path, stack: str) -> dict[str, Any]:
    """Return a stack's template from a cloud assembly."""
    template: dict[str, Any] = json.loads((folder / f"{stack}.template.json").read_text())
    return template
