import json
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Match, Template
from aws_cdk.aws_apigateway import RestApi

from tests.fakes.cloudformation import text
from tests.infra.conftest import Synthesised
from visionml.cdk.units.api_refusals import explain_refusals
from visionml.contracts.inference import IMAGE_TYPES, INLINE_IMAGE_BYTES, ErrorBody
from visionml.contracts.names import Names

_ASKING = "method.request.header.Origin"
PERSONAL = ("sourceIp", "userAgent", "identity.caller", "identity.user", "requestOverride")
ROUTES = {
    ("POST", "inference"),
    ("POST", "async"),
    ("POST", "uploads"),
    ("GET", "{id}"),
    ("GET", "health"),
    ("POST", "truth"),
}


def test_the_api_serves_its_routes_and_each_needs_a_key(environment: Synthesised) -> None:
    paths = {
        path.split("/")[1]: each["Properties"]["PathPart"]
        for path, each in environment.resources("AWS::ApiGateway::Resource").items()
    }
    methods = [
        each
        for each in environment.properties("AWS::ApiGateway::Method")
        if each["HttpMethod"] != "OPTIONS"
    ]

    assert {
        (each["HttpMethod"], paths[text(each["ResourceId"])[1:-1]]) for each in methods
    } == ROUTES
    assert all(each["ApiKeyRequired"] is True for each in methods)
    assert {each["Integration"]["Type"] for each in methods} == {"AWS_PROXY"}


def test_images_arrive_as_bytes(environment: Synthesised) -> None:
    (api,) = environment.properties("AWS::ApiGateway::RestApi")

    assert api["Name"] == Names.of(environment.settings).api
    assert set(IMAGE_TYPES) <= set(api["BinaryMediaTypes"])


def test_the_usage_plan_follows_the_settings(environment: Synthesised) -> None:
    (plan,) = environment.properties("AWS::ApiGateway::UsagePlan")
    serving = environment.settings.serving

    assert plan["Throttle"] == {
        "BurstLimit": serving.burst,
        "RateLimit": serving.rate_per_second,
    }
    assert plan["Quota"] == {"Limit": serving.quota_per_month, "Period": "MONTH"}
    assert len(environment.properties("AWS::ApiGateway::UsagePlanKey")) == 1


def test_a_json_body_without_an_image_is_refused_at_the_edge(environment: Synthesised) -> None:
    template = Template.from_json(environment.templates["Serving"])

    template.has_resource_properties(
        "AWS::ApiGateway::RequestValidator",
        {"ValidateRequestBody": True, "ValidateRequestParameters": True},
    )
    template.has_resource_properties(
        "AWS::ApiGateway::Model",
        {
            "ContentType": "application/json",
            "Schema": Match.object_like(
                {
                    "oneOf": [{"required": ["image"]}, {"required": ["s3"]}],
                    "additionalProperties": False,
                }
            ),
        },
    )


def test_access_logs_hold_no_payload_and_no_person(environment: Synthesised) -> None:
    (stage,) = environment.properties("AWS::ApiGateway::Stage")
    written = stage["AccessLogSetting"]["Format"]

    assert json.loads(written)["request_id"] == "$context.requestId"
    assert not [field for field in PERSONAL if field in written]
    assert all(each["DataTraceEnabled"] is False for each in stage["MethodSettings"])
    assert (stage["StageName"], stage["TracingEnabled"]) == ("live", True)


def refusals(found: Synthesised) -> dict[str, dict[str, Any]]:
    return {
        each["ResponseType"]: each for each in found.properties("AWS::ApiGateway::GatewayResponse")
    }


def test_refusals_of_the_gateway_have_the_body_of_the_adapters(environment: Synthesised) -> None:
    told = {}
    for kind, response in refusals(environment).items():
        body = response["ResponseTemplates"]["application/json"]
        filled = body.replace("$context.error.messageString", '"said"')
        told[kind] = ErrorBody.model_validate_json(filled).error

    assert told["THROTTLED"].code == "throttled"
    assert told["INVALID_API_KEY"].code == "forbidden"
    assert told["BAD_REQUEST_BODY"].code == "invalid_request"
    assert {"DEFAULT_4XX", "DEFAULT_5XX"} <= set(told)
    too_large = told["REQUEST_TOO_LARGE"]
    assert (too_large.limit, "/uploads" in too_large.message) == (INLINE_IMAGE_BYTES, True)


def test_no_browser_may_call_unless_its_origin_is_named(
    prod: Synthesised, overridden: Synthesised
) -> None:
    def methods(found: Synthesised) -> set[str]:
        return {each["HttpMethod"] for each in found.properties("AWS::ApiGateway::Method")}

    assert "OPTIONS" not in methods(prod)
    assert "OPTIONS" in methods(overridden)
    assert not any("ResponseParameters" in each for each in refusals(prod).values())
    header = {"gatewayresponse.header.Access-Control-Allow-Origin": "'https://app.example.com'"}
    for refusal in refusals(overridden).values():
        assert refusal["ResponseParameters"] == header


@pytest.mark.parametrize(
    ("origins", "value"),
    [(("https://a.example",), "'https://a.example'"), (("*",), "'*'"), (("a", "b"), _ASKING)],
)
def test_a_refusal_names_the_origin_or_the_one_that_asks(
    origins: tuple[str, ...], value: str
) -> None:
    api = RestApi(Stack(App(), "Stack"), "Api", deploy=False)
    api.root.add_method("GET")
    explain_refusals(api, origins)
    template = Template.from_stack(Stack.of(api)).find_resources("AWS::ApiGateway::GatewayResponse")
    assert {
        each["Properties"]["ResponseParameters"][
            "gatewayresponse.header.Access-Control-Allow-Origin"
        ]
        for each in template.values()
    } == {value}
