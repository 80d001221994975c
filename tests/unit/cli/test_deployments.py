"""What the commands about deployments make of their arguments, print and end with."""

import json

import pytest
import typer

from visionml.cli.deployments import _finish, sentence, weight
from visionml.contracts.deployment import (
    EXIT_CODES,
    DeploymentKind,
    DeploymentOutcome,
    OutcomeName,
)
from visionml.errors import InvalidInput

NEW, OLD = "run-20261120-101500-a1b2", "run-20261119-101500-a1b2"


def outcome(name: OutcomeName, kind: DeploymentKind = "promotion") -> DeploymentOutcome:
    return DeploymentOutcome(
        outcome=name,
        deployment_id="dep-20261120-103000-c3d4",
        kind=kind,
        model_version=NEW,
        active_version=NEW if name == "promoted" else OLD,
        endpoint_config_name="config",
        reason="the alarm rang",
        seconds=4.2,
    )


@pytest.mark.parametrize(
    ("name", "kind", "told"),
    [
        ("promoted", "promotion", f"Promoted {NEW}."),
        ("promoted", "rollback", f"Rolled back to {NEW}."),
        ("rolled_back", "promotion", f"{NEW} was taken back; {OLD} serves as before."),
        ("rolled_back", "rollback", f"{NEW} was taken back; {OLD} serves as before."),
        ("unchanged", "rollback", f"Nothing has changed; {OLD} serves."),
        ("failed", "promotion", f"The deployment of {NEW} failed."),
    ],
)
def test_an_outcome_is_told_in_a_sentence(
    name: OutcomeName, kind: DeploymentKind, told: str
) -> None:
    assert sentence(outcome(name, kind)) == told


@pytest.mark.parametrize("name", EXIT_CODES)
@pytest.mark.parametrize("as_json", [True, False])
def test_an_outcome_ends_with_its_code_and_only_promoted_is_success(
    name: OutcomeName, as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    code = 0
    try:
        _finish(outcome(name), as_json=as_json)
    except typer.Exit as ended:
        code = ended.exit_code
    printed = capsys.readouterr().out
    assert code == EXIT_CODES[name]
    assert (code == 0) == (name == "promoted")
    assert "the alarm rang" in printed
    if as_json:
        assert json.loads(printed)["outcome"] == name


def test_weights_are_written_with_their_variant() -> None:
    assert weight("ModelA=50") == ("ModelA", 50.0)


@pytest.mark.parametrize("text", ["ModelA", "ModelA=", "ModelA=half"])
def test_what_is_no_weight_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="is no weight"):
        weight(text)
