"""Distributed Maps in JSONata: items from S3, executions of their own, the machine's role."""

import json
from typing import Any
from uuid import uuid4

from tests.functional.sagemaker.world import allow
from tests.functional.waiting import until
from visionml.aws.session import Aws

ITEMS = [{"first": 0}, {"first": 4}, {"first": 9}]


def ended(aws: Aws, role: str, state: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    definition = {
        "QueryLanguage": "JSONata",
        "StartAt": "Keep",
        "States": {
            "Keep": {"Type": "Pass", "Assign": {"kept": "{% $states.input %}"}, "Next": "Each"},
            "Each": {"Type": "Map", "Label": "Each", "End": True, **state},
        },
    }
    machine = aws.states.create_state_machine(
        name=f"map-{uuid4().hex[:12]}", roleArn=role, definition=json.dumps(definition)
    )["stateMachineArn"]
    begun = aws.states.start_execution(stateMachineArn=machine, input=json.dumps(given))

    def settled() -> dict[str, Any] | None:
        seen = dict(aws.states.describe_execution(executionArn=begun["executionArn"]))
        return None if seen["status"] == "RUNNING" else seen

    found: dict[str, Any] = until(settled)
    return found


def processor(output: str) -> dict[str, Any]:
    return {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "One",
        "States": {"One": {"Type": "Pass", "Output": output, "End": True}},
    }


def test_items_are_read_from_s3_and_results_assigned_by_expressions(aws: Aws) -> None:
    bucket = f"map-{uuid4().hex[:12]}"
    aws.s3.create_bucket(Bucket=bucket)
    aws.s3.put_object(Bucket=bucket, Key="runs/a/groups.json", Body=json.dumps(ITEMS).encode())
    role = allow(
        aws,
        f"map-{uuid4().hex[:12]}",
        ("states:StartExecution", "*"),
        ("s3:GetObject", f"arn:aws:s3:::{bucket}/runs/*"),
        service="states.amazonaws.com",
    )
    state = {
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSON"},
            "Arguments": {"Bucket": bucket, "Key": "{% $kept.folder & 'groups.json' %}"},
        },
        "ItemSelector": {
            "run": "{% $kept.run %}",
            "part": "{% $states.context.Map.Item.Value.first %}",
        },
        "MaxConcurrency": "{% 1 + 1 %}",
        "ItemProcessor": processor("{% $states.input.run & $string($states.input.part) %}"),
        "Output": "{% $states.result %}",
    }
    found = ended(aws, role, state, {"run": "a", "folder": "runs/a/"})
    assert json.loads(found["output"]) == ["a0", "a4", "a9"]
    denied = ended(aws, role, state, {"run": "a", "folder": "elsewhere/"})
    assert denied["error"] == "States.TaskFailed"
    assert "s3:GetObject" in denied["cause"]
    missing = ended(aws, role, state, {"run": "a", "folder": "runs/b/"})
    assert missing["error"] == "States.ItemReaderFailed"


def test_items_see_none_of_the_machines_variables_and_failures_are_tolerated(aws: Aws) -> None:
    role = allow(
        aws,
        f"map-{uuid4().hex[:12]}",
        ("states:StartExecution", "*"),
        service="states.amazonaws.com",
    )
    state = {
        "Items": "{% $kept.items %}",
        "ToleratedFailurePercentage": 100,
        "ItemProcessor": processor("{% $kept.items %}"),
        "Output": "{% $count($states.result) %}",
    }
    assert json.loads(ended(aws, role, state, {"items": ITEMS})["output"]) == len(ITEMS)
    strict = {**state, "ToleratedFailurePercentage": 0}
    assert ended(aws, role, strict, {"items": ITEMS})["error"] == (
        "States.ExceedToleratedFailureThreshold"
    )


def test_a_role_that_may_not_start_executions_fails_the_map(aws: Aws) -> None:
    role = allow(
        aws, f"map-{uuid4().hex[:12]}", ("sns:Publish", "*"), service="states.amazonaws.com"
    )
    state = {"Items": "{% $kept.items %}", "ItemProcessor": processor("{% 1 %}")}
    found = ended(aws, role, state, {"items": ITEMS})
    assert found["error"] == "States.TaskFailed"
    assert "states:StartExecution" in found["cause"]
