"""The machines' definitions, with their expressions evaluated as Step Functions does."""

import json
from typing import Any

import jsonata  # type: ignore[import-untyped]
import pytest

from tests.fakes.cloudformation import text
from tests.infra.conftest import Synthesised
from visionml.cdk.units.states import template
from visionml.contracts import layout
from visionml.contracts.deployment import DeploymentReport
from visionml.contracts.training import GateRequest, RegistrationRequest, RunEvent, TrainingRequest

RUN = "run-20260101-120000-abcd"
REQUEST = {
    "run_id": RUN,
    "dataset": "digits",
    "dataset_version": "v1",
    "hyperparameters": {"epochs": "3"},
}
VERDICT = {"passed": False, "reason": "too low", "gates": []}
DEPLOYMENT = {"model_version": RUN, "deployment_id": "dep-20260101-120000-abcd"}


def definition(found: Synthesised, stack: str) -> dict[str, Any]:
    (machine,) = found.properties("AWS::StepFunctions::StateMachine", stack=stack)
    parsed: dict[str, Any] = json.loads(text(machine["DefinitionString"]))
    return parsed


def evaluated(value: Any, **bindings: Any) -> Any:
    """Return a state's field with every ``{% expression %}`` in it replaced by its value."""
    if isinstance(value, dict):
        return {key: evaluated(each, **bindings) for key, each in value.items()}
    if isinstance(value, list):
        return [evaluated(each, **bindings) for each in value]
    if isinstance(value, str) and value.startswith("{%"):
        return jsonata.Jsonata.jsonata(value[2:-2].strip()).evaluate(None, bindings)
    return value


@pytest.fixture
def training(local: Synthesised) -> dict[str, Any]:
    states: dict[str, Any] = definition(local, "Training")["States"]
    return states


@pytest.fixture
def deployment(local: Synthesised) -> dict[str, Any]:
    states: dict[str, Any] = definition(local, "Serving")["States"]
    return states


@pytest.fixture
def request_(training: dict[str, Any]) -> dict[str, Any]:
    """The request as the first state completes it."""
    assigned = evaluated(training["Accept"]["Assign"], states={"input": REQUEST})
    complete: dict[str, Any] = assigned["request"]
    return complete


@pytest.mark.parametrize("stack", ["Training", "Serving"])
def test_every_state_is_reached_and_leads_somewhere(environment: Synthesised, stack: str) -> None:
    machine = definition(environment, stack)
    states = machine["States"]
    targets = {machine["StartAt"]}
    for state in states.values():
        targets |= {state[key] for key in ("Next", "Default") if key in state}
        for branch in (*state.get("Catch", []), *state.get("Choices", [])):
            targets.add(branch["Next"])
        ends = state["Type"] in {"Succeed", "Fail", "Choice"}
        assert ends or "Next" in state

    assert targets == set(states)


@pytest.mark.parametrize("stack", ["Training", "Serving"])
def test_every_task_has_a_limit_a_backoff_and_a_way_out(
    environment: Synthesised, stack: str
) -> None:
    machine = definition(environment, stack)
    tasks = {name: each for name, each in machine["States"].items() if each["Type"] == "Task"}

    assert machine["TimeoutSeconds"] > max(task["TimeoutSeconds"] for task in tasks.values())
    for task in tasks.values():
        (retry,) = task["Retry"]
        assert retry["JitterStrategy"] == "FULL"
        assert retry["BackoffRate"] > 1
        assert 1 <= retry["MaxAttempts"] <= 4
        assert task["Catch"][-1]["ErrorEquals"] == ["States.ALL"]


def test_the_contracts_defaults_complete_a_request(request_: dict[str, Any]) -> None:
    assert TrainingRequest.model_validate(request_) == TrainingRequest.model_validate(REQUEST)
    assert request_["architecture"] == "small-cnn"


def test_preparing_reads_the_manifests_images_sharded_by_key(
    training: dict[str, Any], request_: dict[str, Any]
) -> None:
    job = evaluated(training["Prepare"]["Arguments"], request=request_)
    images, manifest = (each["S3Input"] for each in job["ProcessingInputs"])
    bucket = "s3://ml-pipeline-datasets-local-us-east-1-000000000000"

    assert job["ProcessingJobName"] == f"{RUN}-prepare"
    assert job["AppSpecification"]["ContainerEntrypoint"] == ["prepare"]
    assert job["AppSpecification"]["ContainerArguments"] == ["--image-size", "32"]
    assert images["S3Uri"] == f"{bucket}/{layout.manifest_folder('digits', 'v1')}objects.manifest"
    assert images["S3DataType"] == "ManifestFile"
    assert images["S3DataDistributionType"] == "ShardedByS3Key"
    assert manifest["S3Uri"] == f"{bucket}/manifests/digits/v1/"
    (output,) = job["ProcessingOutputConfig"]["Outputs"]
    assert output["S3Output"]["S3Uri"] == f"{bucket}/{layout.prepared_folder('digits', 'v1', 32)}"
    assert output["S3Output"]["LocalPath"] == "/opt/ml/processing/output"


def test_training_reads_what_preparing_wrote(
    training: dict[str, Any], request_: dict[str, Any]
) -> None:
    job = evaluated(training["Train"]["Arguments"], request=request_)
    channels = {
        each["ChannelName"]: each["DataSource"]["S3DataSource"]["S3Uri"]
        for each in job["InputDataConfig"]
    }
    models = "s3://ml-pipeline-models-local-us-east-1-000000000000"

    prepared = "ml-pipeline-datasets-local-us-east-1-000000000000/prepared/digits/v1/32"
    assert channels == {
        "train": f"s3://{prepared}/train/",
        "validation": f"s3://{prepared}/validation/",
    }
    assert job["TrainingJobName"] == f"{RUN}-train"
    assert job["OutputDataConfig"]["S3OutputPath"] == f"{models}/{layout.run_output(RUN)}"
    assert job["CheckpointConfig"]["S3Uri"] == f"{models}/{layout.run_checkpoints(RUN)}"
    assert job["HyperParameters"] == {
        "epochs": "3",
        "architecture": "small-cnn",
        "run_id": RUN,
        "dataset": "digits",
        "dataset_version": "v1",
        "image_size": "32",
    }


def test_a_request_cannot_give_a_run_another_identity(
    training: dict[str, Any], request_: dict[str, Any]
) -> None:
    forged = {**request_, "hyperparameters": {"run_id": "run-other", "dataset": "other"}}
    hyperparameters = evaluated(training["Train"]["Arguments"]["HyperParameters"], request=forged)

    assert (hyperparameters["run_id"], hyperparameters["dataset"]) == (RUN, "digits")


def test_evaluating_reads_what_training_left(
    training: dict[str, Any], request_: dict[str, Any]
) -> None:
    job = evaluated(training["Evaluate"]["Arguments"], request=request_)
    model, *splits = (each["S3Input"] for each in job["ProcessingInputs"])

    assert model["S3Uri"].endswith(f"/{layout.run_artefact(RUN, f'{RUN}-train')}")
    assert model["LocalPath"] == "/opt/ml/processing/model"
    for name, given in zip(("holdout", "validation"), splits, strict=True):
        assert given["S3Uri"].endswith(f"/prepared/digits/v1/32/{name}/")
        assert given["LocalPath"] == f"/opt/ml/processing/{name}"
    assert job["AppSpecification"]["ContainerArguments"] == ["--answered-accuracy", "0.99"]
    (output,) = job["ProcessingOutputConfig"]["Outputs"]
    assert output["S3Output"]["S3Uri"].endswith(f"/{layout.run_evaluation(RUN)}")
    assert output["S3Output"]["LocalPath"] == "/opt/ml/processing/evaluation"


def test_functions_of_the_training_machine_get_what_their_contracts_say(
    training: dict[str, Any], request_: dict[str, Any]
) -> None:
    bindings = {
        "request": request_,
        "verdict": VERDICT,
        "failure": {"step": "Train", "error": "E", "cause": "C"},
        "states": {"context": {"Execution": {"Id": "arn:execution"}}},
    }

    def payload(state: str) -> Any:
        return evaluated(training[state]["Arguments"]["Payload"], **bindings)

    actions = {
        "RecordStarted": "started",
        "RecordRegistered": "registered",
        "RecordRejected": "rejected",
        "RecordFailed": "failed",
    }
    for state, action in actions.items():
        event = RunEvent.model_validate(payload(state))
        assert (event.action, event.execution) == (action, "arn:execution")
    assert RunEvent.model_validate(payload("RecordFailed")).step == "Train"
    report = GateRequest.model_validate(payload("Gate")).evaluation_s3_uri
    assert report.endswith(f"/{layout.run_evaluation(RUN)}/{layout.EVALUATION_REPORT}")
    registration = RegistrationRequest.model_validate(payload("Register"))
    assert registration.evaluation_s3_uri == report
    assert registration.artefact_s3_uri.endswith(f"{RUN}-train/output/model.tar.gz")


def test_a_model_below_the_gate_ends_the_run_with_the_reason(training: dict[str, Any]) -> None:
    assert training["Passed"]["Default"] == "RecordRejected"
    fail = evaluated(training["BelowGate"], verdict=VERDICT)

    assert (fail["Error"], fail["Cause"]) == ("ModelBelowGate", "too low")


def test_a_deployment_that_is_out_of_time_is_a_failure(deployment: dict[str, Any]) -> None:
    limit_ms = 300_000
    choices = deployment["Ended"]["Choices"]

    def next_of(status: str, waited_ms: int) -> str:
        for choice in choices:
            condition = choice["Condition"].replace("$millis()", str(waited_ms))
            states = {"input": {"EndpointStatus": status}}
            if evaluated(condition, states=states, deadline=0):
                return str(choice["Next"])
        return str(deployment["Ended"]["Default"])

    assert next_of("Updating", 5_000) == "Wait"
    assert next_of("RollingBack", 5_000) == "Wait"
    assert next_of("Updating", limit_ms) == "OutOfTime"
    assert next_of("InService", limit_ms) == "Record"
    assert next_of("Failed", 5_000) == "Record"


@pytest.mark.parametrize(
    ("outcome", "error"),
    [("rolled_back", "DeploymentRolledBack"), ("failed", "DeploymentFailed")],
)
def test_only_a_promotion_is_a_success(
    deployment: dict[str, Any], outcome: str, error: str
) -> None:
    states = {"input": {"outcome": outcome, "reason": "because"}}
    (choice,) = deployment["Promoted"]["Choices"]

    assert evaluated(choice["Condition"], states=states) is False
    failure = evaluated(deployment["Promoted"]["Assign"], states=states)["failure"]
    assert (failure["error"], failure["cause"]) == (error, "because")
    promoted = {"input": {"outcome": "promoted", "reason": "it serves"}}
    assert evaluated(choice["Condition"], states=promoted) is True


def test_the_deployment_recorder_gets_what_its_contract_says(deployment: dict[str, Any]) -> None:
    plan = {
        **DEPLOYMENT,
        "model_name": "m",
        "endpoint_config_name": "c",
        "endpoint_name": "e",
        "image": "i",
        "artefact": "s3://b/k",
        "package_arn": "arn",
        "instance_type": "ml.m5.large",
        "instance_count": 1,
        "previous_config_name": "p",
    }
    bindings = {
        "plan": plan,
        "failure": {"step": "CreateModel", "error": "E", "cause": "C"},
        "states": {"context": {"Execution": {"Input": DEPLOYMENT}}},
    }

    for state in ("Record", "RecordFailed", "RecordRefused"):
        payload = evaluated(deployment[state]["Arguments"]["Payload"], **bindings)
        report = DeploymentReport.model_validate(payload)
        assert (report.plan is None) == (state == "RecordRefused")


def test_volume_keys_are_left_out_where_sagemaker_refuses_them(
    local: Synthesised, overridden: Synthesised
) -> None:
    usual = definition(local, "Training")["States"]
    other = definition(overridden, "Training")["States"]
    config = definition(overridden, "Serving")["States"]["CreateEndpointConfig"]["Arguments"]

    assert "VolumeKmsKeyId" in usual["Train"]["Arguments"]["ResourceConfig"]
    assert "VolumeKmsKeyId" not in other["Train"]["Arguments"]["ResourceConfig"]
    assert "KmsKeyId" not in config


def test_jobs_of_a_private_network_run_inside_it(environment: Synthesised) -> None:
    training = definition(environment, "Training")["States"]["Train"]["Arguments"]
    model = definition(environment, "Serving")["States"]["CreateModel"]["Arguments"]

    private = environment.settings.private_network
    assert ("VpcConfig" in training, "VpcConfig" in model) == (private, private)
    assert training["EnableNetworkIsolation"] is True
    assert model["EnableNetworkIsolation"] is True


def test_templates_leave_other_braces_alone() -> None:
    token = "${Token[AWS.AccountId.4]}"

    assert template(f"s3://b-{token}/{{run}}/x", {"run": "$r"}) == (
        f"{{% 's3://b-{token}/' & $r & '/x' %}}"
    )
