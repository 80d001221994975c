"""The adapters of ``visionml.aws`` against the services themselves."""

import json
import uuid
from collections.abc import Iterator

import boto3
import pytest

from visionml.aws import endpoint, executions, logs, stacks
from visionml.aws.parameters import Parameters
from visionml.aws.s3 import Objects, uri
from visionml.aws.session import Aws
from visionml.aws.table import Table
from visionml.contracts.lineage import Edge, Node
from visionml.errors import AccessDenied, Conflict, InvalidInput, JobFailed, NotFound
from visionml.local.state import State
from visionml.registry.lineage import Lineage


@pytest.fixture(scope="module")
def bucket(aws: Aws) -> str:
    name = f"adapters-{uuid.uuid4().hex[:8]}"
    aws.s3.create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="module")
def objects(aws: Aws) -> Objects:
    return Objects(aws.s3)


def test_an_object_is_read_as_it_was_written(objects: Objects, bucket: str) -> None:
    address = uri(bucket, "folder/record.json")
    assert not objects.exists(address)
    objects.write(address, '{"größe": 1}', content_type="application/json")
    assert objects.exists(address)
    assert objects.read_json(address) == {"größe": 1}
    assert objects.read_bytes(address) == '{"größe": 1}'.encode()


def test_a_key_that_only_starts_like_it_does_not_make_an_object_exist(
    objects: Objects, bucket: str
) -> None:
    objects.write(uri(bucket, "starts/like-this"), b"")
    assert not objects.exists(uri(bucket, "starts/like"))
    assert not objects.exists("s3://no-such-bucket-anywhere/starts/like")


def test_only_one_of_two_writers_of_a_new_object_wins(objects: Objects, bucket: str) -> None:
    address = uri(bucket, "new")
    objects.write(address, b"first", new=True)
    with pytest.raises(Conflict):
        objects.write(address, b"second", new=True)
    assert objects.read_bytes(address) == b"first"


def test_keys_are_listed_below_a_prefix(objects: Objects, bucket: str) -> None:
    for key in ("list/b", "list/a", "listed"):
        objects.write(uri(bucket, key), b"")
    assert list(objects.keys(uri(bucket, "list/"))) == ["list/a", "list/b"]


@pytest.mark.parametrize("address", ["s3://{bucket}/none", "s3://no-such-bucket-anywhere/none"])
def test_a_missing_object_or_bucket_is_not_found(
    objects: Objects, bucket: str, address: str
) -> None:
    with pytest.raises(NotFound, match="Could not read s3://"):
        objects.read_bytes(address.format(bucket=bucket))


def test_what_is_not_json_is_refused_by_its_address(objects: Objects, bucket: str) -> None:
    objects.write(uri(bucket, "garbage"), b"\xff{")
    with pytest.raises(InvalidInput, match=f"s3://{bucket}/garbage"):
        objects.read_json(uri(bucket, "garbage"))


def test_a_parameter_keeps_its_history(aws: Aws) -> None:
    parameters, name = Parameters(aws.parameters), f"/adapters/{uuid.uuid4().hex}/a"
    with pytest.raises(NotFound):
        parameters.get(name)
    assert parameters.put(name, "1", new=True) == 1
    assert parameters.put(name, "2") == 2
    with pytest.raises(Conflict):
        parameters.put(name, "3", new=True)
    assert parameters.get(name) == "2"
    assert [past.value for past in parameters.history(name)] == ["1", "2"]
    assert [p.value for p in parameters.under(name.rsplit("/", 1)[0])] == ["2"]


@pytest.fixture(scope="module")
def table(aws: Aws) -> Table:
    name = f"adapters-{uuid.uuid4().hex[:8]}"
    aws.dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[
            {"AttributeName": "PK", "KeyType": "HASH"},
            {"AttributeName": "SK", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": attribute, "AttributeType": "S"}
            for attribute in ("PK", "SK", "status", "timestamp")
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "StatusIndex",
                "KeySchema": [
                    {"AttributeName": "status", "KeyType": "HASH"},
                    {"AttributeName": "timestamp", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    return Table(aws.dynamodb, name)


def test_the_table_keeps_numbers_as_the_numbers_they_were(table: Table) -> None:
    item = {"PK": "A", "SK": "1", "whole": 3, "share": 0.1, "deep": [{"loss": 1e-7}, None, True]}
    table.put(item)
    assert table.get("A", "1") == item
    assert table.get("A", "2") is None


def test_a_write_that_expects_something_else_changes_nothing(table: Table) -> None:
    table.put({"PK": "B", "SK": "1", "status": "one"}, expected={"PK": None})
    with pytest.raises(Conflict):
        table.put({"PK": "B", "SK": "1", "status": "two"}, expected={"PK": None})
    with pytest.raises(Conflict):
        table.put({"PK": "B", "SK": "1", "status": "two"}, expected={"status": "three"})
    table.put({"PK": "B", "SK": "1", "status": "two"}, expected={"status": "one"})
    assert table.get("B", "1") == {"PK": "B", "SK": "1", "status": "two"}


def test_a_table_that_does_not_exist_is_not_found(aws: Aws) -> None:
    with pytest.raises(NotFound, match="no-such-table"):
        Table(aws.dynamodb, "no-such-table").get("A", "1")


def test_lineage_is_walked_and_listed_in_a_real_table(table: Table) -> None:
    lineage = Lineage(table)
    run, dataset = (f"{kind}#{uuid.uuid4().hex}" for kind in ("RUN", "DATASET"))
    status = f"status-{uuid.uuid4().hex}"
    for node_id in (run, dataset):
        lineage.update(node_id, status=status, facts={"score": 0.25})
    lineage.link(Edge(source=run, relation="trained_on", target=dataset))
    with pytest.raises(Conflict):
        lineage.create(lineage.get(run))
    assert {node.id for node in lineage.trace(dataset).nodes} == {run, dataset}
    assert [node.id for node in lineage.with_status(status)] == [dataset, run]
    assert isinstance(lineage.get(run), Node)


MACHINE = {
    "StartAt": "First",
    "States": {
        "First": {"Type": "Pass", "Next": "Works"},
        "Works": {
            "Type": "Task",
            "Resource": "arn:aws:states:::dynamodb:putItem",
            "Parameters": {"TableName.$": "$.table", "Item": {"PK": {"S": "E"}, "SK": {"S": "1"}}},
            "ResultPath": None,
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Sorry", "ResultPath": "$.error"}],
            "Next": "Done",
        },
        "Sorry": {"Type": "Fail", "Error": "Broken", "CausePath": "$.error.Cause"},
        "Done": {"Type": "Succeed"},
    },
}


@pytest.fixture(scope="module")
def machine(aws: Aws) -> Iterator[str]:
    name = f"adapters-{uuid.uuid4().hex[:8]}"
    role = aws.client("iam").create_role(
        RoleName=name,
        AssumeRolePolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "states.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                    }
                ],
            }
        ),
    )["Role"]["Arn"]
    aws.client("iam").put_role_policy(
        RoleName=name,
        PolicyName="table",
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": "dynamodb:PutItem", "Resource": "*"}],
            }
        ),
    )
    arn = aws.states.create_state_machine(name=name, definition=json.dumps(MACHINE), roleArn=role)[
        "stateMachineArn"
    ]
    yield arn
    aws.states.delete_state_machine(stateMachineArn=arn)


def test_an_execution_is_watched_to_its_output(aws: Aws, machine: str, table: Table) -> None:
    payload = {"table": table.name}
    steps: list[str] = []
    arn = executions.start(aws.states, machine, name="good", payload=payload)
    output = executions.watch(
        aws.states, arn, on_step=lambda step: steps.append(step.name), interval_seconds=0.05
    )
    assert arn == executions.arn_of(machine, "good")
    assert output == payload
    assert steps == ["First", "Works", "Done"]


def test_the_same_start_twice_is_one_execution(aws: Aws, machine: str, table: Table) -> None:
    first = executions.start(aws.states, machine, name="twice", payload={"table": table.name})
    executions.watch(aws.states, first, interval_seconds=0.05)
    again = executions.start(aws.states, machine, name="twice", payload={"table": table.name})
    assert again == first
    with pytest.raises(Conflict, match="other settings"):
        executions.start(aws.states, machine, name="twice", payload={"table": "another"})


def test_a_failed_execution_names_its_step_and_cause(aws: Aws, machine: str) -> None:
    arn = executions.start(aws.states, machine, name="bad", payload={"table": "no-such-table"})
    with pytest.raises(JobFailed, match="bad ended without success at the step Works: Broken: "):
        executions.watch(aws.states, arn, interval_seconds=0.05)


def test_an_unknown_machine_is_not_found(aws: Aws, machine: str) -> None:
    with pytest.raises(NotFound, match="visionml deploy"):
        executions.start(aws.states, f"{machine}-none", name="x", payload={})


def test_what_was_not_deployed_is_not_found(aws: Aws) -> None:
    for look in (
        lambda: stacks.outputs(aws.cloudformation, "no-such-stack"),
        lambda: endpoint.describe(aws.sagemaker, "no-such-endpoint"),
        lambda: logs.tail(aws.logs, "/no/such/group", stream_prefix="job/"),
    ):
        with pytest.raises(NotFound):
            look()
    assert endpoint.find(aws.sagemaker, "no-such-endpoint") is None


def test_a_lines_stream_is_read_in_order(aws: Aws) -> None:
    group = f"/adapters/{uuid.uuid4().hex}"
    aws.logs.create_log_group(logGroupName=group)
    for stream in ("job-1/algo-1", "job-2/algo-1"):
        aws.logs.create_log_stream(logGroupName=group, logStreamName=stream)
    now = 1_763_000_000_000
    events = [{"timestamp": now + i, "message": f"epoch={i}\n"} for i in range(3)]
    aws.logs.put_log_events(
        logGroupName=group,
        logStreamName="job-1/algo-1",
        logEvents=events,  # type: ignore[arg-type]
    )
    found = logs.tail(aws.logs, group, stream_prefix="job-1/", count=2)
    assert [line.text for line in found] == ["epoch=1", "epoch=2"]
    assert logs.tail(aws.logs, group, stream_prefix="job-2/") == []


def test_a_stranger_is_denied(aws_local: State, bucket: str) -> None:
    session = boto3.Session(
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="wrong",
        region_name="us-east-1",
    )
    stranger = Aws(session, endpoint_url=aws_local.endpoint_url, ca_bundle=aws_local.ca_bundle)
    with pytest.raises(AccessDenied):
        Objects(stranger.s3).read_bytes(uri(bucket, "new"))
