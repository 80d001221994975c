import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from aws_cdk import App, Stack, Validations
from aws_cdk.aws_sqs import Queue
from cdk_nag import AwsSolutionsChecks

from infra import app
from tests.infra.conftest import STACKS, Synthesised, read_template
from visionml.cdk import node
from visionml.cdk.bundle import ROOT
from visionml.cdk.findings import wildcard

TAGS = {"Environment", "Owner", "Project", "CostCenter"}
UNTAGGED = {"AWS::ApiGateway::Account"}


def test_the_app_writes_every_stack_of_the_named_environment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = app.main(["-c", "environment=dev", "-c", "owner=me", "--output", str(tmp_path)])

    assert (code, capsys.readouterr().err) == (0, "")
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    names = [
        each["properties"].get("stackName")
        for each in manifest["artifacts"].values()
        if each["type"] == "aws:cloudformation:stack"
    ]
    assert sorted(names) == sorted(f"ml-pipeline-{s.lower()}-dev-us-east-1" for s in STACKS)
    assert '"me"' in json.dumps(read_template(tmp_path, "Storage"))


def test_the_cdk_command_lines_context_reaches_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = {"@aws-cdk/core:flag": True, "aws:cdk:bundling-stacks": ["**"], "environment": "dev"}
    monkeypatch.setenv("CDK_CONTEXT_JSON", json.dumps({**context, "prefix": "other"}))
    monkeypatch.setenv("CDK_OUTDIR", str(tmp_path))

    assert app.main([]) == 0
    assert "other-raw-dev" in json.dumps(read_template(tmp_path, "Storage"))


@pytest.mark.parametrize(
    ("context", "said"),
    [
        ("environment=moon", "no environment named 'moon'"),
        ("images_per_day=none", "images_per_day"),
        ("images_per_decade=1", "images_per_decade"),
        ("training.gates.minimum_accuracy=2", "training.gates.minimum_accuracy"),
        ("training.instance_type=m5.large", "training.instance_type"),
        ("serving.minimum_instances=20", "serving.minimum_instances"),
        ("account=12", "account"),
        ("environment", "KEY=VALUE"),
    ],
)
def test_bad_settings_are_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], context: str, said: str
) -> None:
    code = app.main(["-c", context, "--output", str(tmp_path)])

    assert code == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "context",
    ["retain_data=false", "serving.allowed_origins=https://a.example,*", "serving.burst=0"],
)
def test_production_refuses_what_would_hurt_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], context: str
) -> None:
    arguments = ["-c", "environment=prod", "-c", context, "--output", str(tmp_path)]

    assert app.main(arguments) == 2
    assert capsys.readouterr().err.strip().endswith("Mend the named keys.")


def test_everything_that_can_be_tagged_is_tagged(environment: Synthesised) -> None:
    seen = 0
    for template in environment.templates.values():
        for logical_id, resource in template["Resources"].items():
            tags = resource.get("Properties", {}).get("Tags")
            if tags is None:
                continue
            keys = set(tags) if isinstance(tags, dict) else {tag["Key"] for tag in tags}
            assert keys >= TAGS, logical_id
            seen += 1
    assert seen > 30


def test_synthesis_in_a_fresh_process_needs_no_node_on_the_path(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "infra.app", "-c", "environment=local", "-o", str(tmp_path)],
        cwd=ROOT,
        env={"PATH": "/nonexistent", "HOME": str(Path.home())},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "end-of-life" not in done.stderr


def test_a_chosen_node_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JSII_NODE", "/my/node")
    node.choose()

    assert os.environ["JSII_NODE"] == "/my/node"


def test_validation_notices_what_nobody_gave_a_reason_for(tmp_path: Path) -> None:
    broken = App(outdir=str(tmp_path), stack_traces=False, tree_metadata=False)
    Queue(Stack(broken, "Stack"), "Queue")
    Validations.of(broken).add_plugins(AwsSolutionsChecks(broken))

    with pytest.raises(RuntimeError, match="does not require requests to use SSL"):
        broken.synth()
    report = (tmp_path / "validation-report.json").read_text()
    assert "AwsSolutions-SQS4" in report


def test_every_environment_passes_validation(environment: Synthesised) -> None:
    report = json.loads((environment.folder / "validation-report.json").read_text())

    assert report["pluginReports"] == []


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ("*", "*"),
        (
            {"Fn::Join": ["", ["arn:", {"Ref": "AWS::AccountId"}, ":x/*"]]},
            "arn:<AWS::AccountId>:x/*",
        ),
        ({"Fn::GetAtt": ["Table", "Arn"]}, "<Table.Arn>"),
    ],
)
def test_findings_are_named_as_cdk_nag_names_them(resource: object, expected: str) -> None:
    assert wildcard(resource) == f"AwsSolutions-IAM5[Resource::{expected}]"


def test_an_unknown_form_of_a_finding_is_refused() -> None:
    with pytest.raises(TypeError, match="Fn::Select"):
        wildcard({"Fn::Select": [0, []]})
