"""The embedded AWS holds everybody to signatures, TLS and IAM, as an account would."""

import json
import ssl
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from visionml.aws.session import Aws
from visionml.local.state import State

_FUNCTION = """
import json, os, time
import boto3


def handler(event, context):
    print(json.dumps({
        "_aws": {
            "Timestamp": int(time.time() * 1000),
            "CloudWatchMetrics": [{
                "Namespace": "Enforcement",
                "Dimensions": [["service"]],
                "Metrics": [{"Name": "Calls", "Unit": "Count"}],
            }],
        },
        "service": "probe",
        "Calls": 3,
    }))
    boto3.client("dynamodb").put_item(
        TableName=os.environ["TABLE"], Item={"id": {"S": event["id"]}}
    )
    try:
        boto3.client("s3").list_buckets()
    except Exception as error:
        return {"identity": boto3.client("sts").get_caller_identity()["Arn"], "s3": str(error)}
    return {"s3": "allowed"}
"""


def _trust(service: str) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": service},
                "Action": "sts:AssumeRole",
            }
        ],
    }


def _role(service: str, *statements: dict[str, Any]) -> dict[str, Any]:
    policy = {"Version": "2012-10-17", "Statement": list(statements)}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": _trust(service),
            "Policies": [{"PolicyName": "own", "PolicyDocument": policy}] if statements else [],
        },
    }


def _allow(action: str, resource: object) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def _machine(role: str, definition: dict[str, Any]) -> dict[str, Any]:
    return {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {
            "RoleArn": {"Fn::GetAtt": [role, "Arn"]},
            "DefinitionString": {"Fn::Sub": json.dumps(definition)},
        },
    }


_INVOKE = {
    "StartAt": "Call",
    "States": {
        "Call": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": "${Function.Arn}", "Payload": {"id": "machine"}},
            "End": True,
        }
    },
}
_READ = {
    "StartAt": "Read",
    "States": {
        "Read": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:dynamodb:describeTable",
            "Parameters": {"TableName": "${Table}"},
            "End": True,
        }
    },
}
_BODY = {"type": "object", "required": ["image"], "properties": {"image": {"type": "string"}}}

_TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                "BillingMode": "PAY_PER_REQUEST",
            },
        },
        "FunctionRole": _role(
            "lambda.amazonaws.com", _allow("dynamodb:PutItem", {"Fn::GetAtt": ["Table", "Arn"]})
        ),
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Handler": "index.handler",
                "Runtime": "python3.12",
                "Role": {"Fn::GetAtt": ["FunctionRole", "Arn"]},
                "Code": {"ZipFile": _FUNCTION},
                "Timeout": 30,
                "Environment": {"Variables": {"TABLE": {"Ref": "Table"}}},
            },
        },
        "AllowedRole": _role(
            "states.amazonaws.com",
            _allow("lambda:InvokeFunction", {"Fn::GetAtt": ["Function", "Arn"]}),
            _allow("dynamodb:DescribeTable", {"Fn::GetAtt": ["Table", "Arn"]}),
        ),
        "RefusedRole": _role("states.amazonaws.com"),
        "AllowedInvoke": _machine("AllowedRole", _INVOKE),
        "RefusedInvoke": _machine("RefusedRole", _INVOKE),
        "AllowedRead": _machine("AllowedRole", _READ),
        "RefusedRead": _machine("RefusedRole", _READ),
        "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "enforcement"}},
        "Model": {
            "Type": "AWS::ApiGateway::Model",
            "Properties": {
                "RestApiId": {"Ref": "Api"},
                "ContentType": "application/json",
                "Schema": _BODY,
            },
        },
        "Validator": {
            "Type": "AWS::ApiGateway::RequestValidator",
            "Properties": {"RestApiId": {"Ref": "Api"}, "ValidateRequestBody": True},
        },
        "Method": {
            "Type": "AWS::ApiGateway::Method",
            "Properties": {
                "RestApiId": {"Ref": "Api"},
                "ResourceId": {"Fn::GetAtt": ["Api", "RootResourceId"]},
                "HttpMethod": "POST",
                "AuthorizationType": "NONE",
                "RequestModels": {"application/json": {"Ref": "Model"}},
                "RequestValidatorId": {"Ref": "Validator"},
                "Integration": {
                    "Type": "MOCK",
                    "RequestTemplates": {"application/json": '{"statusCode": 200}'},
                    "PassthroughBehavior": "WHEN_NO_TEMPLATES",
                    "IntegrationResponses": [{"StatusCode": "200"}],
                },
                "MethodResponses": [{"StatusCode": "200"}],
            },
        },
        "Deployment": {
            "Type": "AWS::ApiGateway::Deployment",
            "DependsOn": ["Method"],
            "Properties": {"RestApiId": {"Ref": "Api"}, "StageName": "live"},
        },
    },
    "Outputs": {
        "Function": {"Value": {"Ref": "Function"}},
        "Table": {"Value": {"Ref": "Table"}},
        "ApiUrl": {
            "Value": {
                "Fn::Sub": "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/live/"
            }
        },
        **{
            name: {"Value": {"Ref": name}}
            for name in ("AllowedInvoke", "RefusedInvoke", "AllowedRead", "RefusedRead")
        },
    },
}


@pytest.fixture(scope="module")
def stack(aws: Aws) -> dict[str, str]:
    """The outputs of a stack with a function, state machines and an API."""
    name = "enforcement"
    aws.cloudformation.create_stack(
        StackName=name, TemplateBody=json.dumps(_TEMPLATE), Capabilities=["CAPABILITY_IAM"]
    )
    waiter = aws.cloudformation.get_waiter("stack_create_complete")
    waiter.wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    made = aws.cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    return {each["OutputKey"]: each["OutputValue"] for each in made["Outputs"]}


def _until(look: Callable[[], Any], *, seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def _connect(state: State, key: str, secret: str) -> Aws:
    session = boto3.Session(
        aws_access_key_id=key, aws_secret_access_key=secret, region_name=state.region
    )
    return Aws(session, endpoint_url=state.endpoint_url, ca_bundle=state.ca_bundle)


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("own", "SignatureDoesNotMatch"),
        ("test", "InvalidAccessKeyId"),
        ("0" * 12, "InvalidAccessKeyId"),
    ],
)
def test_a_wrong_signature_opens_nothing(aws_local: State, key: str, code: str) -> None:
    client = _connect(aws_local, aws_local.access_key_id if key == "own" else key, "test")
    with pytest.raises(ClientError, match=code):
        client.s3.list_buckets()


def test_a_user_may_do_what_its_policy_says_and_nothing_else(aws: Aws, aws_local: State) -> None:
    iam, name = aws.client("iam"), f"user-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    policy = {"Version": "2012-10-17", "Statement": [_allow("s3:ListAllMyBuckets", "*")]}
    iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    user = _connect(aws_local, key["AccessKeyId"], key["SecretAccessKey"])
    assert user.s3.list_buckets()["Buckets"]
    with pytest.raises(ClientError, match="AccessDenied"):
        user.s3.create_bucket(Bucket="enforcement-refused")
    with pytest.raises(ClientError, match="is not authorized to perform: ssm:PutParameter"):
        user.parameters.put_parameter(Name="/refused", Value="1", Type="String")


def test_a_bucket_that_asks_for_tls_gets_it(aws: Aws) -> None:
    bucket = "enforcement-tls-only"
    aws.s3.create_bucket(Bucket=bucket)
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    policy = {"Version": "2012-10-17", "Statement": [deny]}
    aws.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    aws.s3.put_object(Bucket=bucket, Key="object", Body=b"1")
    assert aws.s3.get_object(Bucket=bucket, Key="object")["Body"].read() == b"1"


def test_nothing_answers_without_tls_or_with_an_unknown_authority(aws_local: State) -> None:
    with pytest.raises(httpx.TransportError):
        httpx.get(aws_local.endpoint_url.replace("https", "http") + "/_ministack/health")
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(aws_local.endpoint_url + "/_ministack/health")


def test_administration_without_a_signature_is_closed(aws_local: State) -> None:
    answer = httpx.post(f"{aws_local.endpoint_url}/_ministack/reset", verify=_context(aws_local))
    assert answer.status_code == 404


def test_a_function_works_under_its_role_only(aws: Aws, stack: dict[str, str]) -> None:
    client = aws.client("lambda")
    answer = client.invoke(FunctionName=stack["Function"], Payload=json.dumps({"id": "direct"}))
    result = json.loads(answer["Payload"].read())
    assert ":assumed-role/" in result["identity"]
    assert "AccessDenied" in result["s3"]
    item = aws.client("dynamodb").get_item(TableName=stack["Table"], Key={"id": {"S": "direct"}})
    assert item["Item"] == {"id": {"S": "direct"}}


def test_metrics_in_its_log_lines_appear_in_cloudwatch(aws: Aws, stack: dict[str, str]) -> None:
    aws.client("lambda").invoke(FunctionName=stack["Function"], Payload=json.dumps({"id": "emf"}))

    def published() -> list[Any]:
        return aws.cloudwatch.get_metric_data(
            MetricDataQueries=[
                {
                    "Id": "calls",
                    "MetricStat": {
                        "Metric": {
                            "Namespace": "Enforcement",
                            "MetricName": "Calls",
                            "Dimensions": [{"Name": "service", "Value": "probe"}],
                        },
                        "Period": 3600,
                        "Stat": "Minimum",
                    },
                }
            ],
            StartTime=datetime.now(UTC) - timedelta(hours=1),
            EndTime=datetime.now(UTC) + timedelta(minutes=1),
        )["MetricDataResults"][0]["Values"]

    assert _until(published) == [3.0]


@pytest.mark.parametrize("task", ["Invoke", "Read"])
def test_a_state_machine_is_held_to_its_role(aws: Aws, stack: dict[str, str], task: str) -> None:
    ended = {}
    for kind in ("Allowed", "Refused"):
        arn = aws.states.start_execution(stateMachineArn=stack[kind + task])["executionArn"]

        def over(arn: str = arn) -> Any:
            shown = aws.states.describe_execution(executionArn=arn)
            return shown if shown["status"] != "RUNNING" else None

        ended[kind] = _until(over)
    assert ended["Allowed"]["status"] == "SUCCEEDED"
    assert ended["Refused"]["status"] == "FAILED"
    assert "is not authorized to perform" in ended["Refused"]["cause"]


def test_the_api_answers_at_the_address_in_the_outputs_and_checks_its_model(
    aws_local: State, stack: dict[str, str]
) -> None:
    assert stack["ApiUrl"].startswith(aws_local.endpoint_url)
    with httpx.Client(verify=_context(aws_local)) as client:
        good = client.post(stack["ApiUrl"], json={"image": "aGk="})
        bad = client.post(stack["ApiUrl"], json={"picture": "aGk="})
        image = client.post(
            stack["ApiUrl"], content=b"\x89PNG", headers={"content-type": "image/png"}
        )
    assert good.status_code == 200
    assert (bad.status_code, bad.json()) == (400, {"message": "Invalid request body"})
    assert image.status_code != 400


def test_an_alarm_fires_for_its_own_dimensions(aws: Aws) -> None:
    queue_arn = "arn:aws:sqs:us-east-1:000000000000:enforcement-alarms"
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                **_allow("sqs:SendMessage", queue_arn),
                "Principal": {"Service": "sns.amazonaws.com"},
            }
        ],
    }
    queue = aws.client("sqs").create_queue(
        QueueName="enforcement-alarms", Attributes={"Policy": json.dumps(policy)}
    )["QueueUrl"]
    topic = aws.sns.create_topic(Name="enforcement-alarms")["TopicArn"]
    aws.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
    for variant in ("a", "b"):
        aws.cloudwatch.put_metric_alarm(
            AlarmName=f"enforcement-{variant}",
            Namespace="Alarms",
            MetricName="Errors",
            Dimensions=[{"Name": "variant", "Value": variant}],
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
            TreatMissingData="notBreaching",
            AlarmActions=[topic],
        )
    datum: Any = {
        "MetricName": "Errors",
        "Dimensions": [{"Name": "variant", "Value": "a"}],
        "Value": 5,
    }
    aws.cloudwatch.put_metric_data(Namespace="Alarms", MetricData=[datum])
    received = aws.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"]
    told = json.loads(json.loads(received[0]["Body"])["Message"])
    assert (told["AlarmName"], told["NewStateValue"]) == ("enforcement-a", "ALARM")
    states = {
        alarm["AlarmName"]: alarm["StateValue"]
        for alarm in aws.cloudwatch.describe_alarms(AlarmNamePrefix="enforcement-")["MetricAlarms"]
    }
    assert states == {"enforcement-a": "ALARM", "enforcement-b": "OK"}


def _context(state: State) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=state.ca_certificate)
