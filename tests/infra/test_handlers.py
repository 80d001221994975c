"""The functions, with the code and the variables that they are deployed with."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.cloudformation import text
from tests.infra.conftest import Synthesised
from visionml.cdk.bundle import HANDLERS, ROOT, staged
from visionml.contracts import environment as records
from visionml.contracts.environment import HandlerEnvironment
from visionml.contracts.names import Names
from visionml.errors import NotFound

RECORDS: dict[str, type[HandlerEnvironment]] = {
    "candidate_chooser": records.CandidateChooserEnvironment,
    "deployment_planner": records.DeploymentPlannerEnvironment,
    "deployment_prober": records.DeploymentProberEnvironment,
    "deployment_recorder": records.DeploymentRecorderEnvironment,
    "evaluation_gate": records.GateEnvironment,
    "inference_adapter": records.AdapterEnvironment,
    "model_registrar": records.RegistrarEnvironment,
    "run_planner": records.RunPlannerEnvironment,
    "run_recorder": records.RunRecorderEnvironment,
    "run_starter": records.RunStarterEnvironment,
}
HEAVY = ("torch", "numpy", "pandas", "onnxruntime", "pyvips", "aws_cdk", "starlette")


def functions(found: Synthesised) -> dict[str, dict[str, Any]]:
    """Return the properties of the functions by their handler's module."""
    return {
        each["Handler"].split(".")[2]: each for each in found.properties("AWS::Lambda::Function")
    }


def variables(function: dict[str, Any]) -> dict[str, str]:
    given = function["Environment"]["Variables"]
    return {name: text(value) for name, value in given.items()}


def test_every_handler_is_deployed(environment: Synthesised) -> None:
    written = {path.stem for path in (ROOT / "visionml" / "handlers").glob("*.py")}

    assert set(functions(environment)) == set(RECORDS) == written - {"__init__", "observability"}


@pytest.mark.parametrize("module", RECORDS)
def test_every_handlers_variables_are_what_its_record_reads(
    environment: Synthesised, module: str
) -> None:
    given = variables(functions(environment)[module])
    record = RECORDS[module].read(given)

    assert record.variables() == given


def test_functions_follow_the_settings(environment: Synthesised) -> None:
    names = Names.of(environment.settings)
    for module, function in functions(environment).items():
        assert function["FunctionName"] == names.function(module)
        assert function["Runtime"] == "python3.12"
        assert function["Architectures"] == [environment.settings.lambda_architecture]
        assert function["TracingConfig"] == {"Mode": "Active"}
        assert "ReservedConcurrentExecutions" not in function


def test_functions_use_the_public_powertools_layer(local: Synthesised) -> None:
    layers = {text(each["Layers"][0]) for each in functions(local).values()}

    assert layers == {
        "arn:aws:lambda:us-east-1:017000801446:layer:AWSLambdaPowertoolsPythonV3-python312-x86_64:27"
    }


def test_functions_log_to_their_own_encrypted_group_for_a_while(environment: Synthesised) -> None:
    groups = {
        f"<{path.split('/')[1]}>": each["Properties"]
        for path, each in environment.resources("AWS::Logs::LogGroup").items()
    }
    for function in functions(environment).values():
        group = groups[text(function["LoggingConfig"]["LogGroup"])]
        assert group["LogGroupName"] == f"/aws/lambda/{function['FunctionName']}"
        assert group["RetentionInDays"] == environment.settings.retention.logs_days
        assert "KmsKeyId" in group


def test_no_stack_brings_functions_of_its_own_along(environment: Synthesised) -> None:
    for function in environment.properties("AWS::Lambda::Function"):
        assert function["Runtime"].startswith("python")
        assert function["Handler"].startswith("visionml.handlers.")
    kinds = {
        each["Type"]
        for template in environment.templates.values()
        for each in template["Resources"].values()
    }
    assert not [kind for kind in kinds if kind.startswith(("Custom::", "AWS::CloudFormation::"))]


@pytest.mark.parametrize("module", RECORDS)
def test_handlers_start_from_their_bundle_alone(local: Synthesised, module: str) -> None:
    """Nothing heavy is imported, and nothing of the package that the bundle leaves out."""
    program = (
        f"import sys, json, visionml.handlers.{module}\n"
        "print(json.dumps([visionml.__file__, sorted(sys.modules)]))"
    )
    with staged(HANDLERS) as folder:
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={
                **variables(functions(local)[module]),
                "PATH": os.environ["PATH"],
                "PYTHONPATH": folder,
                "AWS_DEFAULT_REGION": "us-east-1",
                "POWERTOOLS_TRACE_DISABLED": "true",
            },
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        origin, modules = json.loads(done.stdout.splitlines()[-1])
        assert Path(origin).is_relative_to(folder)
    assert not [name for name in modules if name.split(".")[0] in HEAVY]


def test_the_bundle_is_the_same_for_every_synthesis(
    local: Synthesised, environment: Synthesised
) -> None:
    keys = {
        text(each["Code"]["S3Key"])
        for found in (local, environment)
        for each in functions(found).values()
    }

    assert len(keys) == 1


def test_a_bundle_with_a_missing_part_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="complete checkout"), staged(["gone"], root=tmp_path):
        pass
