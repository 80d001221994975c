import json

from aws_cdk.assertions import Match, Template

from tests.infra.conftest import Synthesised
from visionml.contracts.inference import ErrorBody
from visionml.contracts.names import Names

PERSONAL = ("sourceIp", "userAgent", "identity.caller", "identity.user", "requestOverride")


def test_predictions_need_a_key(environment: Synthesised) -> None:
    (method,) = [
        each
        for each in environment.properties("AWS::ApiGateway::Method")
        if each["HttpMethod"] != "OPTIONS"
    ]
    (resource,) = environment.properties("AWS::ApiGateway::Resource")

    assert (method["HttpMethod"], resource["PathPart"]) == ("POST", "inference")
    assert method["ApiKeyRequired"] is True
    assert method["Integration"]["Type"] == "AWS_PROXY"


def test_images_arrive_as_bytes(environment: Synthesised) -> None:
    (api,) = environment.properties("AWS::ApiGateway::RestApi")

    assert api["Name"] == Names.of(environment.settings).api
    assert {"image/jpeg", "image/png", "image/webp"} <= set(api["BinaryMediaTypes"])


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
            "Schema": Match.object_like({"required": ["image"], "additionalProperties": False}),
        },
    )


def test_access_logs_hold_no_payload_and_no_person(environment: Synthesised) -> None:
    (stage,) = environment.properties("AWS::ApiGateway::Stage")
    written = stage["AccessLogSetting"]["Format"]

    assert json.loads(written)["request_id"] == "$context.requestId"
    assert not [field for field in PERSONAL if field in written]
    assert all(each["DataTraceEnabled"] is False for each in stage["MethodSettings"])
    assert (stage["StageName"], stage["TracingEnabled"]) == ("live", True)


def test_refusals_of_the_gateway_have_the_body_of_the_adapters(environment: Synthesised) -> None:
    responses = environment.properties("AWS::ApiGateway::GatewayResponse")
    codes = {}
    for response in responses:
        body = response["ResponseTemplates"]["application/json"]
        filled = body.replace("$context.error.messageString", '"said"')
        codes[response["ResponseType"]] = ErrorBody.model_validate_json(filled).error.code

    assert codes["THROTTLED"] == "throttled"
    assert codes["INVALID_API_KEY"] == "forbidden"
    assert codes["BAD_REQUEST_BODY"] == "invalid_request"


def test_no_browser_may_call_unless_its_origin_is_named(
    prod: Synthesised, overridden: Synthesised
) -> None:
    def methods(found: Synthesised) -> list[str]:
        return sorted(each["HttpMethod"] for each in found.properties("AWS::ApiGateway::Method"))

    assert methods(prod) == ["POST"]
    assert set(methods(overridden)) == {"OPTIONS", "POST"}
    assert "https://app.example.com" in json.dumps(overridden.templates["Serving"])
