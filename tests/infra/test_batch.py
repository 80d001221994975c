"""Batch inference: its machines, its job, its schedule, and the expressions of its machine."""

import json
from typing import Any

import pytest

from tests.fakes.cloudformation import text
from tests.infra.conftest import Synthesised
from tests.infra.test_machines import definition, evaluated
from visionml.contracts.batch import BatchSummary
from visionml.contracts.batch_machine import INCOMPLETE, BatchEnd, BatchStart, BatchWork
from visionml.contracts.environment import BatchJobEnvironment
from visionml.contracts.names import Names

RUN = "daily-1"
EXECUTION = "arn:aws:states:us-east-1:000000000000:execution:batch:one"
SUMMARY = {
    "run_id": RUN,
    "outcome": "failed",
    "day": "2026-01-01",
    "method": "endpoint",
    "inputs": 10,
    "results": 5,
    "failures": 1,
    "by_reason": {"unsupported": 1},
    "parts": 5,
    "missing_parts": [1, 4],
    "seconds": 2.0,
    "images_per_second": 3.0,
}


def only(found: Synthesised, kind: str) -> dict[str, Any]:
    (properties,) = found.properties(kind, stack="Batch")
    return properties


@pytest.fixture
def states(local: Synthesised) -> dict[str, Any]:
    found: dict[str, Any] = definition(local, "Batch")["States"]
    return found


def test_spot_instances_are_asked_before_others(environment: Synthesised) -> None:
    machines = environment.resources("AWS::Batch::ComputeEnvironment", stack="Batch")
    kinds = {
        path.split("/")[1]: each["Properties"]["ComputeResources"]["Type"]
        for path, each in machines.items()
    }
    order = only(environment, "AWS::Batch::JobQueue")["ComputeEnvironmentOrder"]

    assert [each["Order"] for each in order] == [1, 2]
    asked = [each["ComputeEnvironment"]["Fn::GetAtt"][0] for each in order]
    assert [kinds[each] for each in asked] == ["SPOT", "EC2"]
    for each in machines.values():
        resources = each["Properties"]["ComputeResources"]
        assert resources["MinvCpus"] == 0
        assert resources["MaxvCpus"] == environment.settings.batch.maximum_vcpus


def test_instances_are_encrypted_and_jobs_cannot_take_their_credentials(
    environment: Synthesised,
) -> None:
    data = only(environment, "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]

    assert data["MetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
    assert all(each["Ebs"]["Encrypted"] for each in data["BlockDeviceMappings"])


def test_the_job_runs_in_the_image_with_what_its_record_reads(environment: Synthesised) -> None:
    job = only(environment, "AWS::Batch::JobDefinition")
    container, batch = job["ContainerProperties"], environment.settings.batch
    of_jobs = text(environment.templates["Training"]["Outputs"]["VisionImageUri"]["Value"])
    given = {each["Name"]: text(each["Value"]) for each in container["Environment"]}
    given.pop("AWS_DEFAULT_REGION")
    record = BatchJobEnvironment.read(given)

    assert text(container["Image"]).rsplit(":")[-1] == of_jobs.rsplit(":")[-1]
    assert record.variables() == given
    assert record.endpoint_name == Names.of(environment.settings).endpoint
    assert {each["Type"]: each["Value"] for each in container["ResourceRequirements"]} == {
        "VCPU": str(batch.job_vcpus),
        "MEMORY": str(batch.job_memory_mb),
    }
    assert container["LogConfiguration"]["LogDriver"] == "awslogs"
    assert not container.get("Privileged")
    assert job["Timeout"] == {"AttemptDurationSeconds": batch.timeout_seconds}


def test_what_is_wrong_is_not_tried_again(environment: Synthesised) -> None:
    retry = only(environment, "AWS::Batch::JobDefinition")["RetryStrategy"]
    first, *rest = retry["EvaluateOnExit"]

    assert retry["Attempts"] == environment.settings.batch.attempts
    assert first == {"Action": "EXIT", "OnExitCode": "2"}
    assert {each["Action"] for each in rest} == {"RETRY"}
    assert {"Action": "RETRY", "OnStatusReason": "Host EC2*"} in rest
    assert len(rest) < 5  # Batch takes five conditions


def test_the_schedule_starts_the_machine(environment: Synthesised) -> None:
    rule = only(environment, "AWS::Events::Rule")
    hours = environment.settings.batch.schedule_hours
    (target,) = rule["Targets"]

    assert rule["ScheduleExpression"] == ("rate(1 day)" if hours == 24 else f"rate({hours} hours)")
    assert target["Arn"]["Ref"].startswith("BatchMachine")
    assert target["RoleArn"]["Fn::GetAtt"][0].startswith("ScheduleRole")


def test_functions_and_machine_understand_each_other(states: dict[str, Any]) -> None:
    event = {"source": "aws.events", "time": "2026-01-02T00:00:00Z"}
    context = {"Execution": {"Id": EXECUTION}}
    asked = evaluated(states["Plan"]["Arguments"], states={"input": event, "context": context})
    assert BatchStart.model_validate(asked["Payload"]) == BatchStart(
        given=event, execution=EXECUTION
    )
    summed = evaluated(states["Sum"]["Arguments"], work=work(remaining=1))
    assert BatchEnd.model_validate(summed["Payload"]).run_id == RUN


@pytest.mark.parametrize(
    ("found", "then"),
    [
        ({"status": "already_running"}, "NothingToDo"),
        ({"status": "finished"}, "NothingToDo"),
        ({"remaining": 0}, "Sum"),
        ({"remaining": 2, "groups": [{"first": 0, "size": 2}]}, "HowMany"),
        ({"remaining": 2, "method": "transform"}, "CreateModel"),
    ],
)
def test_what_is_left_decides_what_runs(
    states: dict[str, Any], found: dict[str, Any], then: str
) -> None:
    choice = states["IsPlanned"]
    holds = [
        each["Next"]
        for each in choice["Choices"]
        if evaluated(each["Condition"], work=work(**found))
    ]
    assert [*holds, choice["Default"]][0] == then


@pytest.mark.parametrize(
    ("found", "then"),
    [
        ({"groups": [{"first": 0, "size": 2}]}, "RunGroups"),
        ({"groups_key": "runs/batch/r/groups/e.json"}, "RunManyGroups"),
    ],
)
def test_many_groups_run_in_executions_of_their_own(
    states: dict[str, Any], found: dict[str, Any], then: str
) -> None:
    (choice,) = states["HowMany"]["Choices"]
    many = evaluated(choice["Condition"], work=work(**found))
    assert (choice["Next"] if many else states["HowMany"]["Default"]) == then


def test_a_transform_job_has_a_model_of_its_own_that_reads_images_alone(
    states: dict[str, Any], local: Synthesised
) -> None:
    order = {
        "job": "batch-a-1",
        "artefact": "s3://m/a",
        "inputs": "s3://r/in/",
        "outputs": "s3://r/o",
    }
    given = work(method="transform", remaining=1, transform=order)
    model = evaluated(states["CreateModel"]["Arguments"], work=given)
    container = model["PrimaryContainer"]
    assert (model["ModelName"], container["ModelDataUrl"]) == (order["job"], order["artefact"])
    assert "EnableNetworkIsolation" not in model
    allowed = text(container["Environment"]["SERVE_S3_BUCKETS"]).split(",")
    raw = Names.of(local.settings).bucket("raw", "000000000000")
    assert f"{raw}/batch/" in allowed
    assert not [each for each in allowed if "inference" in each or "results" in each]
    job = evaluated(states["Transform"]["Arguments"], work=given)
    assert job["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"] == order["inputs"]
    assert job["TransformOutput"]["S3OutputPath"] == order["outputs"]
    assert (job["BatchStrategy"], job["TransformInput"]["SplitType"]) == ("SingleRecord", "Line")
    assert job["ModelName"] == order["job"]
    assert states["Transform"]["Next"] == "DeleteModel"
    assert states["DeleteModel"]["Next"] == "HowMany"


def work(**found: Any) -> dict[str, Any]:
    given = {"run_id": RUN, "status": "planned", "method": "endpoint", **found}
    return BatchWork.model_validate(given).model_dump(mode="json")


@pytest.mark.parametrize("which", ["RunGroups", "RunManyGroups"])
def test_a_group_is_an_array_and_a_single_part_a_plain_job(
    states: dict[str, Any], which: str
) -> None:
    order = {"first": 4, "size": 3}
    context = {"Map": {"Item": {"Value": order}}}
    given = evaluated(states[which]["ItemSelector"], work=work(), states={"context": context})
    assert given == {"run": RUN, **order}
    inner = states[which]["ItemProcessor"]
    task = inner["States"][inner["StartAt"]]
    job = evaluated(task["Arguments"], states={"input": given})
    assert job["JobName"] == f"batch-{RUN}-4"
    assert job["ContainerOverrides"] == {"Command": ["batch", "--run", RUN, "--first", "4"]}
    assert job["ArrayProperties"] == {"Size": 3}
    alone = evaluated(task["Arguments"], states={"input": {**given, "size": 1}})
    assert "ArrayProperties" not in alone


def test_a_map_of_many_uses_nothing_of_the_machine_inside(states: dict[str, Any]) -> None:
    inside = json.dumps(states["RunManyGroups"]["ItemProcessor"])
    assert "$work" not in inside
    assert states["RunManyGroups"]["ToleratedFailurePercentage"] == 100


def test_people_are_told_which_parts_are_missing(states: dict[str, Any]) -> None:
    BatchSummary.model_validate(SUMMARY)
    assigned = evaluated(states["Missing"]["Assign"], sum=SUMMARY)
    told = evaluated(states["AnnounceFinished"]["Arguments"], sum=SUMMARY, **assigned)
    assert told["Subject"] == "A batch run failed"
    assert "5 results and 1 recorded failures of 10 images" in told["Message"]
    assert "Missing are the parts 1, 4 of 5." in told["Message"]
    ended = states["Incomplete"]
    assert ended["Error"] == INCOMPLETE
    assert evaluated(ended["Cause"], **assigned).startswith("Missing are the parts 1, 4")
    whole = {**SUMMARY, "missing_parts": [], "outcome": "succeeded"}
    assert evaluated(states["Missing"]["Assign"], sum=whole)["missing"] == ""


def test_the_machine_may_start_its_jobs_and_the_executions_of_its_map(
    environment: Synthesised,
) -> None:
    policies = environment.properties("AWS::IAM::Policy", stack="Batch")
    machine = next(each for each in policies if "BatchRole" in text(each["Roles"][0]))
    allowed = {
        action: text(json.dumps(statement["Resource"]))
        for statement in machine["PolicyDocument"]["Statement"]
        for action in (
            statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        )
    }
    assert {"batch:SubmitJob", "batch:TerminateJob", "states:StartExecution"} <= set(allowed)
    assert {"events:PutTargets", "events:PutRule", "events:DescribeRule"} <= set(allowed)
    assert "s3:GetObject" in allowed
