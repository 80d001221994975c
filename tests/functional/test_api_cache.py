"""A stage's cache and its access log, on an API of one function that counts its calls."""

import io
import json
import textwrap
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
import urllib3

from tests.functional.sagemaker.world import allow, until
from visionml.aws.session import Aws
from visionml.local.state import ACCOUNT, REGION, State

_COUNTER = """
import json, time
calls = 0
def handler(event, context):
    global calls
    calls += 1
    status = int((event["headers"] or {}).get("x-status", 200))
    time.sleep(float((event["headers"] or {}).get("x-seconds", 0)))
    return {"statusCode": status, "body": json.dumps({"calls": calls})}
"""
_HASTY_MS = 50  # the shortest that API Gateway takes
_FORMAT = (
    '{"method":"$context.httpMethod","status":$context.status,"hit":"$context.integrationLatency"}'
)


@dataclass(frozen=True)
class Api:
    """An API whose answers are kept by the header ``x-image``."""

    url: str
    api_id: str
    name: str
    log_group: str
    pool: urllib3.PoolManager

    def ask(self, image: str, **headers: str) -> tuple[int, dict[str, Any], Any]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self.pool.request("POST", self.url, headers={"x-image": image, **named}, body=b"?")
        return answer.status, answer.json(), answer.headers


def _template(name: str, role: str, bucket: str) -> dict[str, Any]:
    ref = {"Ref": "Api"}
    function = {"Fn::GetAtt": ["Function", "Arn"]}
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/"
    integration = {
        "Type": "AWS_PROXY",
        "IntegrationHttpMethod": "POST",
        "Uri": {"Fn::Join": ["", [uri, function, "/invocations"]]},
        "CacheKeyParameters": ["method.request.header.x-image"],
    }
    log = {"DestinationArn": {"Fn::GetAtt": ["Logs", "Arn"]}, "Format": _FORMAT}
    kept = {
        "ResourcePath": "/~1count",
        "HttpMethod": "POST",
        "CachingEnabled": True,
        "CacheTtlInSeconds": 300,
    }
    resources = {
        "Logs": ("Logs::LogGroup", {"LogGroupName": f"/aws/apigateway/{name}"}),
        "Function": (
            "Lambda::Function",
            {
                "FunctionName": name,
                "Runtime": "python3.12",
                "Handler": "index.handler",
                "Role": role,
                "Code": {"S3Bucket": bucket, "S3Key": "code.zip"},
            },
        ),
        "Api": ("ApiGateway::RestApi", {"Name": name}),
        "Count": (
            "ApiGateway::Resource",
            {
                "RestApiId": ref,
                "ParentId": {"Fn::GetAtt": ["Api", "RootResourceId"]},
                "PathPart": "count",
            },
        ),
        "Method": (
            "ApiGateway::Method",
            {
                "RestApiId": ref,
                "ResourceId": {"Ref": "Count"},
                "HttpMethod": "POST",
                "AuthorizationType": "NONE",
                "Integration": integration,
            },
        ),
        "Hasty": (
            "ApiGateway::Method",
            {
                "RestApiId": ref,
                "ResourceId": {"Ref": "Count"},
                "HttpMethod": "GET",
                "AuthorizationType": "NONE",
                "Integration": {**integration, "TimeoutInMillis": _HASTY_MS},
            },
        ),
        "Permission": (
            "Lambda::Permission",
            {
                "Action": "lambda:InvokeFunction",
                "FunctionName": function,
                "Principal": "apigateway.amazonaws.com",
            },
        ),
        "Deployment": ("ApiGateway::Deployment", {"RestApiId": ref}),
        "Stage": (
            "ApiGateway::Stage",
            {
                "RestApiId": ref,
                "StageName": "live",
                "DeploymentId": {"Ref": "Deployment"},
                "CacheClusterEnabled": True,
                "CacheClusterSize": "0.5",
                "MethodSettings": [kept],
                "AccessLogSetting": log,
            },
        ),
    }
    return {
        "Resources": {
            logical: {"Type": f"AWS::{kind}", "Properties": properties}
            | ({"DependsOn": ["Method", "Hasty"]} if logical == "Deployment" else {})
            for logical, (kind, properties) in resources.items()
        },
        "Outputs": {"ApiId": {"Value": ref}},
    }


@pytest.fixture(scope="module")
def api(aws: Aws, aws_local: State) -> Iterator[Api]:
    name = f"cached-{uuid4().hex[:8]}"
    bucket = f"{name}-{ACCOUNT}"
    role = allow(aws, name, (["logs:*"], "*"), service="lambda.amazonaws.com")
    aws.s3.create_bucket(Bucket=bucket)
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", textwrap.dedent(_COUNTER))
    aws.s3.put_object(Bucket=bucket, Key="code.zip", Body=code.getvalue())
    stacks = aws.cloudformation
    stacks.create_stack(
        StackName=name,
        TemplateBody=json.dumps(_template(name, role, bucket)),
        Capabilities=["CAPABILITY_IAM"],
    )
    stack = until(
        lambda: dict(stacks.describe_stacks(StackName=name)["Stacks"][0]),
        lambda seen: not seen["StackStatus"].endswith("IN_PROGRESS"),
    )
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack
    api_id = stack["Outputs"][0]["OutputValue"]
    url = f"{aws_local.endpoint_url}/_aws/execute-api/{api_id}/live/count"
    pool = urllib3.PoolManager(ca_certs=aws_local.ca_bundle)
    yield Api(url, api_id, name, f"/aws/apigateway/{name}", pool)
    stacks.delete_stack(StackName=name)


def test_the_same_key_is_answered_once(api: Api) -> None:
    image = uuid4().hex
    first, second, other = api.ask(image), api.ask(image), api.ask(uuid4().hex)
    assert first[:2] == second[:2]
    assert other[1]["calls"] == first[1]["calls"] + 1


def test_an_error_is_kept_like_any_answer(api: Api) -> None:
    image = uuid4().hex
    failed, again, other = api.ask(image, x_status="503"), api.ask(image), api.ask(uuid4().hex)
    assert (failed[0], again[0], other[0]) == (503, 503, 200)


def test_a_caller_may_not_have_an_answer_made_anew_without_permission(api: Api) -> None:
    image = uuid4().hex
    kept = api.ask(image)
    again = api.ask(image, cache_control="max-age=0")
    assert again[1] == kept[1]
    assert "unauthorized" in again[2]["warning"]


def test_an_answer_that_takes_too_long_is_not_waited_for(api: Api) -> None:
    answer = api.pool.request("GET", api.url, headers={"x-image": "a", "x-seconds": "2"})
    assert answer.status == 504
    assert answer.json() == {"message": "Endpoint request timed out"}


def test_a_flushed_stage_asks_again(api: Api, aws: Aws) -> None:
    image = uuid4().hex
    kept = api.ask(image)
    aws.client("apigateway").flush_stage_cache(restApiId=api.api_id, stageName="live")
    assert api.ask(image)[1]["calls"] > kept[1]["calls"]


def test_hits_and_misses_are_metrics_and_every_call_has_a_line(api: Api, aws: Aws) -> None:
    image = uuid4().hex
    api.ask(image)
    api.ask(image)
    lines = [
        json.loads(event["message"])
        for event in aws.logs.filter_log_events(logGroupName=api.log_group)["events"]
    ]
    lines = [line for line in lines if line["method"] == "POST"]  # others are not kept
    assert [line["hit"] == "-" for line in lines[-2:]] == [False, True]
    assert _sum(aws, api, "CacheHitCount") == sum(line["hit"] == "-" for line in lines)
    assert _sum(aws, api, "CacheMissCount") == sum(line["hit"] != "-" for line in lines)


def _sum(aws: Aws, api: Api, metric: str) -> float:
    found = aws.cloudwatch.get_metric_statistics(
        Namespace="AWS/ApiGateway",
        MetricName=metric,
        Dimensions=[{"Name": "ApiName", "Value": api.name}, {"Name": "Stage", "Value": "live"}],
        StartTime="2020-01-01T00:00:00Z",
        EndTime="2100-01-01T00:00:00Z",
        Period=86_400,
        Statistics=["Sum"],
    )
    return sum(point["Sum"] for point in found["Datapoints"])
