"""The machines' definitions, with their expressions evaluated as Step Functions does."""

import json
from typing import Any

import jsonata  # type: ignore[import-untyped]
import pytest

from tests.fakes import events
from tests.fakes.cloudformation import text
from tests.infra.conftest import Synthesised
from visionml.cdk.units.states import template
from visionml.contracts import layout
from visionml.contracts.deployment import DeploymentReport, DeploymentStart, StepFailure
from visionml.contracts.preparation import ShardOrder
from visionml.contracts.training import (
    METRICS,
    STEPS,
    CandidateRequest,
    GateRequest,
    RegistrationRequest,
    RunEvent,
    RunStart,
    TrainingRequest,
)

RUN = "run-20260101-120000-abcd"
REQUEST = {
    "run_id": RUN,
    "dataset": "digits",
    "dataset_version": "v1",
    "hyperparameters": {"epochs": "3"},
}
SHARDS = f"s3://datasets/prepared/digits/v1/32/{RUN}-prepare/"
PLAN: dict[str, Any] = {
    **{name: {"job": f"{RUN}-{name}", "wanted": True} for name in STEPS},
    "prepared_s3_uri": SHARDS,
    "hyperparameters": {"epochs": "3", "run_id": RUN, "image_size": "32"},
    "tuning_hyperparameters": {"run_id": RUN},
    "tuning": {"Strategy": "Random"},
}
CANDIDATE = {
    "job": f"{RUN}-train",
    "artefact_s3_uri": f"s3://models/runs/{RUN}/output/{RUN}-train/output/model.tar.gz",
    "metric": "validation_accuracy",
    "value": 0.9,
    "tuned": {},
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


@pytest.mark.parametrize("stack", ["Training", "Serving", "Intake", "Batch"])
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


@pytest.mark.parametrize("stack", ["Training", "Serving", "Batch"])
def test_every_task_has_a_limit_a_backoff_and_a_way_out(
    environment: Synthesised, stack: str
) -> None:
    machine = definition(environment, stack)
    states = machine["States"].values()
    tasks = [each for each in states if each["Type"] == "Task"]
    maps = [each for each in states if each["Type"] == "Map"]
    mapped = [
        each
        for map_ in maps
        for each in map_["ItemProcessor"]["States"].values()
        if each["Type"] == "Task"
    ]

    for task in tasks + mapped:
        assert machine["TimeoutSeconds"] > task["TimeoutSeconds"]
        (retry,) = task["Retry"]
        assert retry["JitterStrategy"] == "FULL"
        assert retry["BackoffRate"] > 1
        assert 1 <= retry["MaxAttempts"] <= 4
    for state in tasks + maps:
        assert state["Catch"][-1]["ErrorEquals"] == ["States.ALL"]


def test_the_contracts_defaults_complete_a_request(request_: dict[str, Any]) -> None:
    assert TrainingRequest.model_validate(request_) == TrainingRequest.model_validate(REQUEST)
    assert request_["architecture"] == "small-cnn"


def test_preparing_reads_the_manifests_images_sharded_by_key(
    training: dict[str, Any], request_: dict[str, Any]
) -> None:
    job = evaluated(training["Prepare"]["Arguments"], request=request_, plan=PLAN)
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
    assert output["S3Output"]["S3Uri"] == SHARDS
    assert output["S3Output"]["LocalPath"] == "/opt/ml/processing/output"


def test_the_shards_of_a_small_version_are_prepared_by_invocations(
    environment: Synthesised, request_: dict[str, Any]
) -> None:
    training = definition(environment, "Training")["States"]
    state, place = training["PrepareShards"], {"split": "holdout", "number": 3}
    plan = {**PLAN, "shards": [place]}
    bindings = {"request": request_, "plan": plan, "states": {"context": {"Map": {"Item": {}}}}}
    bindings["states"]["context"]["Map"]["Item"]["Value"] = place
    assert evaluated(state["Items"], **bindings) == [place]
    order = evaluated(state["ItemSelector"], **bindings)
    (task,) = state["ItemProcessor"]["States"].values()
    payload = evaluated(task["Arguments"]["Payload"], states={"input": order})

    assert ShardOrder.model_validate(payload) == ShardOrder(
        split="holdout",
        number=3,
        dataset="digits",
        dataset_version="v1",
        image_size=32,
        prepared_s3_uri=SHARDS,
    )
    assert state["MaxConcurrency"] == environment.settings.training.lambda_prepare_concurrency
    results = {"result": [{"images": 2}, {"images": 3}]}
    assert evaluated(state["Output"], states=results) == {"images": 5}
    assert state["Next"] == training["Prepare"]["Next"] == "RecordPrepared"
    assert state["Catch"] == training["Prepare"]["Catch"]


@pytest.mark.parametrize(
    ("wanted", "shards", "state"),
    [
        (True, [{"split": "train", "number": 0}], "PrepareShards"),
        (True, [], "Prepare"),
        (False, [], "IsTuned"),
    ],
)
def test_the_plan_says_what_prepares(
    training: dict[str, Any], wanted: bool, shards: list[Any], state: str
) -> None:
    plan = {**PLAN, "prepare": {"job": "", "wanted": wanted}, "shards": shards}
    choices = training["IsPrepared"]["Choices"]
    hits = [each["Next"] for each in choices if evaluated(each["Condition"], plan=plan)]
    assert [*hits, training["IsPrepared"]["Default"]][0] == state


def channels(job: dict[str, Any]) -> dict[str, str]:
    return {
        each["ChannelName"]: each["DataSource"]["S3DataSource"]["S3Uri"]
        for each in job["InputDataConfig"]
    }


def test_training_reads_what_preparing_wrote(
    training: dict[str, Any], request_: dict[str, Any]
) -> None:
    job = evaluated(
        training["Train"]["Arguments"], request=request_, plan=PLAN, tuned={"epochs": "9"}
    )
    models = "s3://ml-pipeline-models-local-us-east-1-000000000000"

    assert channels(job) == {split: f"{SHARDS}{split}/" for split in ("train", "validation")}
    assert job["TrainingJobName"] == f"{RUN}-train"
    assert job["OutputDataConfig"]["S3OutputPath"] == f"{models}/{layout.run_output(RUN)}"
    assert job["CheckpointConfig"]["S3Uri"] == f"{models}/{layout.run_checkpoints(RUN)}"
    assert job["HyperParameters"] == {**PLAN["hyperparameters"], "epochs": "9"}


def test_tuning_runs_the_planned_search_on_the_same_shards(
    training: dict[str, Any], request_: dict[str, Any]
) -> None:
    job = evaluated(training["Tune"]["Arguments"], request=request_, plan=PLAN)
    each = job["TrainingJobDefinition"]

    assert job["HyperParameterTuningJobName"] == f"{RUN}-tune"
    assert len(f"{RUN}-tune-10") <= 32
    assert job["HyperParameterTuningJobConfig"] == PLAN["tuning"]
    assert each["StaticHyperParameters"] == {"run_id": RUN}
    assert channels(each) == {split: f"{SHARDS}{split}/" for split in ("train", "validation")}
    assert "CheckpointConfig" not in each
    metrics = {metric["Name"] for metric in each["AlgorithmSpecification"]["MetricDefinitions"]}
    assert metrics == set(METRICS)


CHAMPION = {"version": "run-20251231-120000-abcd", "artefact_s3_uri": "s3://models/champion"}


@pytest.mark.parametrize("champion", [None, CHAMPION])
def test_evaluating_reads_the_best_model_and_the_champion(
    training: dict[str, Any], request_: dict[str, Any], champion: dict[str, str] | None
) -> None:
    chosen = {"candidate": CANDIDATE, "champion": champion}
    job = evaluated(training["Evaluate"]["Arguments"], request=request_, plan=PLAN, chosen=chosen)
    inputs = {each["InputName"]: each["S3Input"] for each in job["ProcessingInputs"]}

    expected = {
        "model": CANDIDATE["artefact_s3_uri"],
        "holdout": f"{SHARDS}holdout/",
        "validation": f"{SHARDS}validation/",
        **({"champion": CHAMPION["artefact_s3_uri"]} if champion else {}),
    }
    assert {name: each["S3Uri"] for name, each in inputs.items()} == expected
    for name, each in inputs.items():
        assert each["LocalPath"] == f"/opt/ml/processing/{name}"
    assert job["AppSpecification"]["ContainerArguments"] == ["--answered-accuracy", "0.99"]
    (output,) = job["ProcessingOutputConfig"]["Outputs"]
    assert output["S3Output"]["S3Uri"].endswith(f"/{layout.run_evaluation(RUN)}")
    assert output["S3Output"]["LocalPath"] == "/opt/ml/processing/evaluation"


@pytest.mark.parametrize("mode", ["train", "tune", "both"])
def test_functions_of_the_training_machine_get_what_their_contracts_say(
    training: dict[str, Any], request_: dict[str, Any], mode: str
) -> None:
    tuning = {"ranges": {"learning_rate": {"min": 0.001, "max": 0.1}}}
    bindings = {
        "request": {**request_, "mode": mode, "tuning": None if mode == "train" else tuning},
        "plan": PLAN,
        "chosen": {"candidate": CANDIDATE, "champion": None},
        "artefact": CANDIDATE["artefact_s3_uri"],
        "verdict": VERDICT,
        "failure": {"step": "Train", "error": "E", "cause": "C"},
        "states": {"context": {"Execution": {"Id": "arn:execution"}}},
    }

    def payload(state: str) -> Any:
        return evaluated(training[state]["Arguments"]["Payload"], **bindings)

    assert RunStart.model_validate(payload("PlanRun")).execution == "arn:execution"
    actions = {
        "RecordPrepared": "finished",
        "RecordTuned": "finished",
        "RecordTrained": "finished",
        "RecordEvaluated": "finished",
        "RecordRegistered": "registered",
        "RecordRejected": "rejected",
        "RecordFailed": "failed",
    }
    for state, action in actions.items():
        event = RunEvent.model_validate(payload(state))
        assert (event.action, event.execution) == (action, "arn:execution")
        assert isinstance(event.request, TrainingRequest)
    assert RunEvent.model_validate(payload("RecordFailed")).step == "Train"
    assert RunEvent.model_validate(payload("RecordPrepared")).output == SHARDS
    report = GateRequest.model_validate(payload("Gate")).evaluation_s3_uri
    assert report.endswith(f"/{layout.run_evaluation(RUN)}/{layout.EVALUATION_REPORT}")
    assert RunEvent.model_validate(payload("RecordEvaluated")).output == report
    registration = RegistrationRequest.model_validate(payload("Register"))
    assert registration.evaluation_s3_uri == report
    assert registration.artefact_s3_uri == CANDIDATE["artefact_s3_uri"]
    best = CandidateRequest.model_validate(payload("Choose"))
    jobs = {"train": (None, "train"), "tune": ("tune", None), "both": ("tune", "train")}[mode]
    named = tuple(f"{RUN}-{job}" if job else None for job in jobs)
    assert (best.tuning_job, best.training_job) == named
    assert CandidateRequest.model_validate(payload("ChooseTuned")).training_job is None


@pytest.mark.parametrize("mode", ["train", "tune", "both"])
@pytest.mark.parametrize("done", [(), ("prepare",), ("prepare", "tune", "train", "evaluate")])
def test_the_machine_passes_by_what_the_plan_does_not_want(
    training: dict[str, Any], request_: dict[str, Any], mode: str, done: tuple[str, ...]
) -> None:
    jobs = {"train": {"train"}, "tune": {"tune"}, "both": {"tune", "train"}}[mode]
    wanted = ({"prepare", "evaluate"} | jobs) - set(done)
    plan = {name: {"job": name, "wanted": name in wanted} for name in STEPS}
    bindings = {"plan": plan, "request": {**request_, "mode": mode}, "verdict": {"passed": True}}
    passed, state = [], "PlanRun"
    while training[state]["Type"] != "Succeed":
        passed.append(state)
        if training[state]["Type"] != "Choice":
            state = training[state]["Next"]
            continue
        choices = training[state]["Choices"]
        hits = [each["Next"] for each in choices if evaluated(each["Condition"], **bindings)]
        state = hits[0] if hits else training[state]["Default"]

    ran = [each for each in passed if each in {"Prepare", "Tune", "Train", "Evaluate"}]
    assert ran == [name.capitalize() for name in STEPS if name in wanted]
    assert ("ChooseTuned" in passed) == (mode == "both" and "train" in wanted)
    assert passed[-5:] == [
        "Passed",
        "Register",
        "RecordRegistered",
        "PublishCompleted",
        "AnnounceCompleted",
    ]


def test_every_end_of_a_run_is_published(
    training: dict[str, Any], request_: dict[str, Any]
) -> None:
    bindings = {
        "request": request_,
        "model": {"model_version": RUN, "model_package_arn": "arn:package"},
        "verdict": VERDICT,
        "failure": {"step": "Train", "error": "E", "cause": "C"},
    }
    kinds = {}
    for state in ("PublishCompleted", "PublishRejected", "PublishFailed"):
        (entry,) = evaluated(training[state]["Arguments"], **bindings)["Entries"]
        assert entry["Source"] == "visionml.training"
        assert entry["Detail"]["run_id"] == RUN
        kinds[entry["DetailType"]] = entry["Detail"]
    assert kinds["Training Run Completed"]["model_package_arn"] == "arn:package"
    assert kinds["Training Run Rejected"]["verdict"] == VERDICT
    assert kinds["Training Run Failed"]["step"] == "Train"


def test_a_refused_run_is_no_failure_of_the_run_that_has_its_id(training: dict[str, Any]) -> None:
    (choice,) = training["IsRecorded"]["Choices"]
    assert evaluated(choice["Condition"], told="failed") is True
    assert evaluated(choice["Condition"], told="started") is False
    assert training["IsRecorded"]["Default"] == "Failed"


def test_a_model_below_the_gate_ends_the_run_with_the_reason(training: dict[str, Any]) -> None:
    assert training["Passed"]["Default"] == "RecordRejected"
    fail = evaluated(training["BelowGate"], verdict=VERDICT)

    assert (fail["Error"], fail["Cause"]) == ("ModelBelowGate", "too low")


def test_a_deployment_that_is_out_of_time_is_a_failure(deployment: dict[str, Any]) -> None:
    limit_ms = 1000 * (3600 + 600)
    choices = deployment["Ended"]["Choices"]

    def next_of(status: str, waited_ms: int) -> str:
        for choice in choices:
            condition = choice["Condition"].replace("$millis()", str(waited_ms))
            states = {"input": {"EndpointStatus": status}}
            if evaluated(condition, states=states, deadline=0):
                return str(choice["Next"])
        return str(deployment["Ended"]["Default"])

    assert next_of("Updating", 5_000) == "Wait"
    assert next_of("RollingBack", 5_000) == next_of("Updating", 5_000)
    assert next_of("Updating", limit_ms) == "OutOfTime"
    assert next_of("InService", limit_ms) == "Record"
    assert next_of("Failed", 5_000) == "Record"


@pytest.mark.parametrize(
    ("stage", "next_state"),
    [
        ("Creating", "Wait"),
        ("ActivatingTraffic", "Wait"),
        ("Baking", "Probe"),
        ("Deleting", "Wait"),
    ],
)
def test_known_images_are_asked_for_only_while_the_new_fleet_has_traffic(
    deployment: dict[str, Any], stage: str, next_state: str
) -> None:
    variants = [{"VariantName": "ModelA", "VariantStatus": [{"Status": stage}]}]
    looked = {
        "EndpointStatus": "Updating",
        "PendingDeploymentSummary": {"ProductionVariants": variants},
    }
    matching = [
        choice["Next"]
        for choice in deployment["Ended"]["Choices"]
        if evaluated(
            choice["Condition"].replace("$millis()", "0"), states={"input": looked}, deadline=0
        )
    ]
    assert matching[0] == next_state


@pytest.mark.parametrize(
    ("outcome", "failure", "end"),
    [
        ("promoted", {}, "Answer"),
        ("promoted", {"step": "Describe"}, "Answer"),
        ("unchanged", {}, "Answer"),
        ("unchanged", {"step": "Plan"}, "Failed"),
        ("rolled_back", {}, "NotPromoted"),
        ("failed", {}, "NotPromoted"),
        (None, {"step": "Record"}, "Failed"),
    ],
)
def test_only_a_promotion_and_what_served_already_are_successes(
    deployment: dict[str, Any], outcome: str | None, failure: dict[str, str], end: str
) -> None:
    bindings = {"outcome": {"outcome": outcome} if outcome else {}, "failure": failure}
    judge = deployment["Judge"]
    hits = [each["Next"] for each in judge["Choices"] if evaluated(each["Condition"], **bindings)]
    assert (hits[0] if hits else judge["Default"]) == end


@pytest.mark.parametrize(
    ("outcome", "error"),
    [("rolled_back", "DeploymentRolledBack"), ("failed", "DeploymentFailed")],
)
def test_what_is_no_promotion_fails_by_its_name(
    deployment: dict[str, Any], outcome: str, error: str
) -> None:
    told = {"outcome": outcome, "reason": "because"}
    failure = evaluated(deployment["NotPromoted"]["Assign"], outcome=told)["failure"]
    assert (failure["error"], failure["cause"]) == (error, "because")


def test_an_update_brings_its_alarms_and_the_planned_instances(deployment: dict[str, Any]) -> None:
    plan = events.load("deployment_recorder.ended")["plan"]
    update = evaluated(deployment["UpdateEndpoint"]["Arguments"], plan=plan)
    config = evaluated(deployment["CreateEndpointConfig"]["Arguments"], plan=plan)
    assert update["DeploymentConfig"] == plan["deployment_config"]
    assert config["ProductionVariants"] == plan["production_variants"]
    assert "ShadowProductionVariants" not in config
    shadowed = {**plan, "shadow_variants": plan["production_variants"]}
    config = evaluated(deployment["CreateShadowedConfig"]["Arguments"], plan=shadowed)
    assert config["ShadowProductionVariants"] == plan["production_variants"]
    for found, way in ((plan, "CreateEndpointConfig"), (shadowed, "CreateShadowedConfig")):
        (choice,) = deployment["HasShadow"]["Choices"]
        hit = evaluated(choice["Condition"], plan=found)
        assert (choice["Next"] if hit else deployment["HasShadow"]["Default"]) == way


def test_the_outcome_is_published_and_announced(deployment: dict[str, Any]) -> None:
    outcome = {"outcome": "rolled_back", "kind": "promotion", "reason": "the alarm rang."}
    bindings = {
        "outcome": outcome,
        "failure": {"step": "Record", "error": "E", "cause": "C"},
        "states": {"context": {"Execution": {"Input": DEPLOYMENT}}},
    }
    (entry,) = evaluated(deployment["Publish"]["Arguments"], **bindings)["Entries"]
    assert (entry["Source"], entry["DetailType"]) == ("visionml.deployment", "Deployment Ended")
    assert entry["Detail"] == outcome
    told = evaluated(deployment["Announce"]["Arguments"], **bindings)["Message"]
    assert told.startswith(
        f"The promotion {DEPLOYMENT['deployment_id']} of {RUN} ended: rolled_back"
    )
    assert told.endswith("the alarm rang.")
    told = evaluated(deployment["Announce"]["Arguments"], **{**bindings, "outcome": {}})["Message"]
    assert told.endswith("Record: E. C")


def test_functions_of_the_deployment_machine_get_what_their_contracts_say(
    deployment: dict[str, Any],
) -> None:
    nothing = evaluated(deployment["Accept"]["Assign"])
    execution = {"Id": "arn:x", "Input": DEPLOYMENT, "StartTime": "2026-11-20T10:30:00.000Z"}
    states = {"context": {"Execution": execution}}

    def payload(state: str, **known: Any) -> Any:
        bindings = {**nothing, **known, "states": states}
        return evaluated(deployment[state]["Arguments"]["Payload"], **bindings)

    assert DeploymentStart.model_validate(payload("Plan")).execution == "arn:x"
    report = DeploymentReport.model_validate(payload("Record"))
    assert (report.plan, report.failure, report.updated) == (None, None, False)
    golden = events.load("deployment_recorder.ended")
    failure = {"step": "CreateModels", "error": "E", "cause": "C"}
    report = DeploymentReport.model_validate(
        payload("Record", plan=golden["plan"], failure=failure, updated=True)
    )
    assert report.plan is not None
    assert report.failure == StepFailure(**failure)


def walk(
    states: dict[str, Any], *, failing: str | None = None, status: str = "InService", **known: Any
) -> list[str]:
    """Return the states that an execution enters; one may fail, as its Catch allows."""
    bindings = {**evaluated(states["Accept"]["Assign"]), **known, "millis": lambda: 0}
    passed, name = [], "Accept"
    while True:
        passed.append(name)
        state = states[name]
        if state["Type"] in {"Succeed", "Fail"}:
            return passed
        if name == failing:
            (caught,) = state["Catch"]
            if "Assign" in caught:
                bindings["failure"] = {"step": name}
            name = caught["Next"]
            continue
        if state["Type"] == "Pass" and "failure" in state.get("Assign", {}) and name != "Accept":
            bindings["failure"] = {"step": name}
        if name == "Record":
            ended = "unchanged" if bindings["failure"] else "promoted"
            bindings["outcome"] = {"outcome": ended}
        if state["Type"] != "Choice":
            name = state["Next"]
            continue
        given = {"EndpointStatus": status}
        context = {"Execution": {"Input": known.get("request", DEPLOYMENT)}}
        bindings |= {"states": {"input": given, "context": context}, "deadline": 0}
        hits = [
            each["Next"]
            for each in state["Choices"]
            if evaluated(each["Condition"].replace("$millis()", "0"), **bindings)
        ]
        name = hits[0] if hits else state["Default"]


GOLDEN = events.load("deployment_recorder.ended")["plan"]
PASSED = {"passed": True, "reason": "fine."}


def test_a_promotion_is_tried_on_staging_and_planned_again(deployment: dict[str, Any]) -> None:
    passed = walk(deployment, plan=GOLDEN, staging=PASSED)
    in_order = [
        "Plan",
        "CreateModels",
        "CreateStaging",
        "CheckStaging",
        "DeleteStaging",
        "DeleteStagingConfig",
        "Confirm",
        "CreateEndpointConfig",
        "UpdateEndpoint",
        "Record",
        "Publish",
        "Announce",
        "Done",
    ]
    assert [name for name in passed if name in in_order] == in_order
    assert "AwaitApproval" not in passed


def test_a_rollback_knows_no_staging_and_asks_nobody(deployment: dict[str, Any]) -> None:
    request = {**DEPLOYMENT, "kind": "rollback"}
    passed = walk(deployment, plan={**GOLDEN, "needs_approval": True}, request=request)
    assert not [name for name in passed if "Staging" in name or "Appro" in name]
    assert passed[-1] == "Done"
    states = {"context": {"Execution": {"Id": "x", "Input": request}}}
    payload = evaluated(deployment["Plan"]["Arguments"]["Payload"], states=states)
    assert payload["phase"] == "update"
    states = {"context": {"Execution": {"Id": "x", "Input": DEPLOYMENT}}}
    payload = evaluated(deployment["Plan"]["Arguments"]["Payload"], states=states)
    assert payload["phase"] == "prepare"


def test_what_serves_already_creates_nothing(deployment: dict[str, Any]) -> None:
    passed = walk(deployment, plan={**GOLDEN, "serves_already": True})
    assert passed[1:4] == ["Plan", "Planned", "Record"]


def test_a_pending_package_waits_for_a_person_before_production_is_touched(
    deployment: dict[str, Any],
) -> None:
    plan = {**GOLDEN, "needs_approval": True}
    passed = walk(deployment, plan=plan, staging=PASSED)
    at = passed.index("AwaitApproval")
    assert passed[at - 1 : at + 2] == ["AskForApproval", "AwaitApproval", "Confirm"]
    assert passed.index("DeleteStaging") < at < passed.index("UpdateEndpoint")
    passed = walk(deployment, plan=plan, staging=PASSED, failing="AwaitApproval")
    assert "UpdateEndpoint" not in passed
    assert passed[-1] == "Failed"


@pytest.mark.parametrize(
    ("failing", "staging", "status"),
    [
        ("CreateStaging", PASSED, "InService"),
        ("DescribeStaging", PASSED, "InService"),
        ("CheckStaging", PASSED, "InService"),
        (None, {"passed": False, "reason": "it is blind."}, "InService"),
        (None, PASSED, "Failed"),
    ],
)
def test_staging_is_deleted_whatever_happens_on_it(
    deployment: dict[str, Any], failing: str | None, staging: dict[str, Any], status: str
) -> None:
    passed = walk(deployment, plan=GOLDEN, staging=staging, status=status, failing=failing)
    assert {"DeleteStaging", "DeleteStagingConfig", "Record", "Failed"} <= set(passed)
    assert "UpdateEndpoint" not in passed


@pytest.mark.parametrize("failing", ["DeleteStaging", "DeleteStagingConfig"])
def test_a_staging_endpoint_that_stays_is_no_reason_to_stop(
    deployment: dict[str, Any], failing: str
) -> None:
    assert walk(deployment, plan=GOLDEN, staging=PASSED, failing=failing)[-1] == "Done"


@pytest.mark.parametrize("failing", ["Plan", "CreateModels", "Confirm", "UpdateEndpoint"])
def test_every_failure_is_recorded_published_and_announced(
    deployment: dict[str, Any], failing: str
) -> None:
    passed = walk(deployment, plan=GOLDEN, staging=PASSED, failing=failing)
    assert passed[-5:] == ["Record", "Publish", "Announce", "Judge", "Failed"]


@pytest.mark.parametrize(("failing", "end"), [("Publish", "Done"), ("Announce", "Done")])
def test_an_outcome_that_could_not_be_told_stays_what_it_is(
    deployment: dict[str, Any], failing: str, end: str
) -> None:
    assert walk(deployment, plan=GOLDEN, staging=PASSED, failing=failing)[-1] == end


def test_each_model_of_a_plan_is_created(deployment: dict[str, Any]) -> None:
    plan = events.load("deployment_recorder.ended")["plan"]
    create = deployment["CreateModels"]
    models = evaluated(create["Items"], plan=plan)
    assert models == plan["models"]
    inner = create["ItemProcessor"]["States"]["CreateModel"]
    model = evaluated(inner["Arguments"], states={"input": models[0]})
    assert model["ModelName"] == plan["models"][0]["model_name"]
    assert model["PrimaryContainer"]["ModelDataUrl"] == plan["models"][0]["artefact"]
    assert inner["Retry"]


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
    create = definition(environment, "Serving")["States"]["CreateModels"]
    model = create["ItemProcessor"]["States"]["CreateModel"]["Arguments"]

    private = environment.settings.private_network
    assert ("VpcConfig" in training, "VpcConfig" in model) == (private, private)
    assert training["EnableNetworkIsolation"] is True
    assert model["EnableNetworkIsolation"] is True


def test_containers_of_the_endpoint_reach_no_images(environment: Synthesised) -> None:
    create = definition(environment, "Serving")["States"]["CreateModels"]
    model = create["ItemProcessor"]["States"]["CreateModel"]["Arguments"]
    readable = [
        text(resource)
        for policy in environment.properties("AWS::IAM::Policy")
        if text(policy["Roles"][0]).startswith("<HostingRole")
        for statement in policy["PolicyDocument"]["Statement"]
        if "s3:" in json.dumps(statement["Action"])
        for resource in (
            statement["Resource"]
            if isinstance(statement["Resource"], list)
            else [statement["Resource"]]
        )
    ]

    assert model["EnableNetworkIsolation"] is True
    assert "Environment" not in model["PrimaryContainer"]  # SERVE_S3_BUCKETS would be there
    assert {each.split(":::")[1].split("-")[2] for each in readable} == {"models"}


def test_templates_leave_other_braces_alone() -> None:
    token = "${Token[AWS.AccountId.4]}"

    assert template(f"s3://b-{token}/{{run}}/x", {"run": "$r"}) == (
        f"{{% 's3://b-{token}/' & $r & '/x' %}}"
    )
