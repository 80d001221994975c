"""The guardrail checks on the stacks themselves, at synthesis and from the command line."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.infra.conftest import Synthesised
from visionml.cdk import guard
from visionml.cdk.synth import synthesise
from visionml.cli.main import app
from visionml.contracts import settings
from visionml.contracts.settings import Settings
from visionml.errors import InvalidInput

UNFIT = {
    "serving.rollout.strategy": "canary",
    "serving.initial_instances": "1",
    "serving.minimum_instances": "1",
}


def test_every_environment_passes_the_checks(environment: Synthesised) -> None:
    assert guard.findings(environment.settings, environment.folder) == []


def test_the_checks_see_the_machines_and_the_alarms(prod: Synthesised, tmp_path: Path) -> None:
    spoilt = json.dumps(prod.templates["Serving"]).replace("DeploymentConfig", "Config")
    (tmp_path / "Serving.template.json").write_text(spoilt)

    found = {each.check for each in guard.findings(prod.settings, tmp_path)}
    assert found == {"update-without-config", "alarm-missing"}


def test_a_synthesis_fails_with_the_name_of_the_check(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"single-instance-shift: serving\.initial_instances"):
        synthesise(settings.load("dev", UNFIT), tmp_path)


def test_the_command_ends_with_1_when_something_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(environment: str) -> Settings:
        return actual(environment, UNFIT)

    actual = settings.load
    monkeypatch.setattr(settings, "load", load)
    answer = CliRunner().invoke(app, ["check", "--environment", "dev", "--json"])

    assert answer.exit_code == 1
    found = json.loads(answer.stdout)
    assert {each["check"] for each in found} == {"single-instance-shift"}
    assert set(found[0]) == {"check", "where", "what", "advice"}


def test_the_command_says_that_nothing_was_found() -> None:
    answer = CliRunner().invoke(app, ["check", "--environment", "dev"])

    assert (answer.exit_code, answer.stdout) == (0, "No check found anything.\n")
