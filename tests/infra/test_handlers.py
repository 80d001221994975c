"""The functions, with the code and the variables that they are deployed with."""

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.cloudformation import text
from tests.infra.conftest import Synthesised
from visionml.cdk.bundle import HANDLERS, ROOT, staged
from visionml.contracts import environment as records
from visionml.contracts.environment import HandlerEnvironment
from visionml.contracts.names import Names
from visionml.contracts.preparation import SHARD_BYTES, SHARD_SECONDS
from visionml.errors import NotFound

RECORDS: dict[str, type[HandlerEnvironment]] = {
    "active_version_watcher": records.VersionWatcherEnvironment,
    "answer_keeper": records.AnswerKeeperEnvironment,
    "approval_requester": records.ApprovalEnvironment,
    "approval_resolver": records.ApprovalEnvironment,
    "batch_planner": records.BatchPlannerEnvironment,
    "batch_summariser": records.BatchSummariserEnvironment,
    "cache_clearer": records.CacheClearerEnvironment,
    "candidate_chooser": records.CandidateChooserEnvironment,
    "challenger_scaler": records.ChallengerScalerEnvironment,
    "deployment_cleaner": records.DeploymentCleanerEnvironment,
    "deployment_planner": records.DeploymentPlannerEnvironment,
    "deployment_prober": records.DeploymentProberEnvironment,
    "deployment_recorder": records.DeploymentRecorderEnvironment,
    "evaluation_gate": records.GateEnvironment,
    "file_manager": records.FileManagerEnvironment,
    "ground_truth": records.GroundTruthEnvironment,
    "health_reporter": records.HealthReporterEnvironment,
    "image_exporter": records.ImageExporterEnvironment,
    "image_processor": records.ImageProcessorEnvironment,
    "image_reader": records.ImageReaderEnvironment,
    "image_retrier": records.ImageRetrierEnvironment,
    "inference_adapter": records.AdapterEnvironment,
    "model_registrar": records.RegistrarEnvironment,
    "notification_service": records.NotificationServiceEnvironment,
    "prediction_acceptor": records.PredictionAcceptorEnvironment,
    "prediction_consumer": records.PredictionConsumerEnvironment,
    "prediction_reader": records.PredictionReaderEnvironment,
    "run_planner": records.RunPlannerEnvironment,
    "run_recorder": records.RunRecorderEnvironment,
    "run_starter": records.RunStarterEnvironment,
    "staging_checker": records.StagingCheckerEnvironment,
    "upload_issuer": records.UploadIssuerEnvironment,
    "upload_receiver": records.UploadReceiverEnvironment,
}
LARGEST_IMAGE_GB = 50_000_000 * 3 / 2**30
"""Decoded; by `images.pixel_limit`."""
SHARD_GB = SHARD_BYTES / 2**30
DETECTOR = {"file_manager", "image_processor", "notification_service"}
"""Handlers whose functions have the detector's names."""
SHARED = {"__init__", "answering", "observability", "publishing"}
"""Modules beside the handlers that are none."""
HEAVY = ("torch", "numpy", "pandas", "onnxruntime", "pyvips", "aws_cdk", "starlette")


def functions(found: Synthesised) -> dict[str, dict[str, Any]]:
    """Return the properties of the functions by their handler's module."""
    return {
        each["Handler"].split(".")[2]: each
        for each in found.properties("AWS::Lambda::Function")
        if "Handler" in each
    }


def image_functions(found: Synthesised) -> dict[str, dict[str, Any]]:
    """Return the properties of the functions from images by their handler."""
    return {
        each["ImageConfig"]["Command"][0]: each
        for each in found.properties("AWS::Lambda::Function")
        if each.get("PackageType") == "Image"
    }


def variables(function: dict[str, Any]) -> dict[str, str]:
    given = function["Environment"]["Variables"]
    return {name: text(value) for name, value in given.items()}


def test_every_handler_is_deployed(environment: Synthesised) -> None:
    written = {path.stem for path in (ROOT / "visionml" / "handlers").glob("*.py")}

    assert set(functions(environment)) == set(RECORDS) == written - SHARED


@pytest.mark.parametrize("module", RECORDS)
def test_every_handlers_variables_are_what_its_record_reads(
    environment: Synthesised, module: str
) -> None:
    given = variables(functions(environment)[module])
    record = RECORDS[module].read(given)

    assert record.variables() == given


def test_functions_follow_the_settings(environment: Synthesised) -> None:
    settings = environment.settings
    for module, function in functions(environment).items():
        names = Names.of_detector(settings) if module in DETECTOR else Names.of(settings)
        assert function["FunctionName"] == names.function(module)
        assert function["Runtime"] == "python3.12"
        assert function["Architectures"] == [environment.settings.lambda_architecture]
        assert function["TracingConfig"] == {"Mode": "Active"}
        assert "ReservedConcurrentExecutions" not in function


def test_the_function_that_prepares_runs_in_the_image_of_the_jobs(
    environment: Synthesised,
) -> None:
    handler = "visionml.dataset.shard_preparer.handler"
    function = image_functions(environment)[handler]
    of_jobs = text(environment.templates["Training"]["Outputs"]["VisionImageUri"]["Value"])
    module = import_module("visionml.dataset.prepare_shard")

    assert ROOT.joinpath(*handler.split(".")[:-1]).with_suffix(".py").is_file()
    assert text(function["Code"]["ImageUri"]).rsplit(":")[-1] == of_jobs.rsplit(":")[-1]
    assert function["ImageConfig"]["EntryPoint"] == ["python", "-m", "awslambdaric"]
    assert function["Architectures"] == ["x86_64"]
    assert function["FunctionName"] == Names.of(environment.settings).function("shard_preparer")
    assert function["TracingConfig"] == {"Mode": "Active"}
    assert function["Timeout"] == SHARD_SECONDS
    assert function["MemorySize"] / 1024 > module.THREADS * LARGEST_IMAGE_GB + 2 * SHARD_GB
    record = records.ShardPreparerEnvironment.read(variables(function))
    assert record.variables() == variables(function)


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
    for function in [*functions(environment).values(), *image_functions(environment).values()]:
        group = groups[text(function["LoggingConfig"]["LogGroup"])]
        assert group["LogGroupName"] == f"/aws/lambda/{function['FunctionName']}"
        assert group["RetentionInDays"] == environment.settings.retention.logs_days
        assert "KmsKeyId" in group


def test_no_stack_brings_functions_of_its_own_along(environment: Synthesised) -> None:
    own = len(functions(environment)) + len(image_functions(environment))
    assert len(environment.properties("AWS::Lambda::Function")) == own
    for function in functions(environment).values():
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
