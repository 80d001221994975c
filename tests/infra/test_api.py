import json
from operator import attrgetter
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Match, Template
from aws_cdk.aws_apigateway import RestApi

from tests.fakes.cloudformation import text
from tests.infra.conftest import Synthesised
from visionml.cdk.units.api_cache import key_headers
from visionml.cdk.units.api_refusals import explain_refusals
from visionml.contracts.events import DEPLOYMENT_SOURCE
from visionml.contracts.inference import IMAGE_TYPES, INLINE_IMAGE_BYTES, ErrorBody
from visionml.contracts.names import Names
from visionml.contracts.settings import ServingSettings

_ASKING = "method.request.header.Origin"
PERSONAL = ("sourceIp", "userAgent", "identity.caller", "identity.user", "requestOverride")
ROUTES = {
    "Serving": {
        ("POST", "inference"),
        ("POST", "async"),
        ("POST", "uploads"),
        ("GET", "{id}"),
        ("GET", "health"),
        ("POST", "truth"),
    },
    "Intake": {("POST", "upload"), ("GET", "images"), ("GET", "{id}")},
}
"""By stack: each that has an API has one."""
NAMED = {"Serving": attrgetter("api"), "Intake": attrgetter("images_api")}
both = pytest.mark.parametrize("stack", ROUTES)


@both
def test_the_api_serves_its_routes_and_each_needs_a_key(
    environment: Synthesised, stack: str
) -> None:
    paths = {
        path.split("/")[1]: each["Properties"]["PathPart"]
        for path, each in environment.resources("AWS::ApiGateway::Resource", stack=stack).items()
    }
    methods = [
        each
        for each in environment.properties("AWS::ApiGateway::Method", stack=stack)
        if each["HttpMethod"] != "OPTIONS"
    ]

    assert {
        (each["HttpMethod"], paths[text(each["ResourceId"])[1:-1]]) for each in methods
    } == ROUTES[stack]
    assert all(each["ApiKeyRequired"] is True for each in methods)
    assert {each["Integration"]["Type"] for each in methods} == {"AWS_PROXY"}


@both
def test_images_arrive_as_bytes(environment: Synthesised, stack: str) -> None:
    (api,) = environment.properties("AWS::ApiGateway::RestApi", stack=stack)

    assert api["Name"] == NAMED[stack](Names.of(environment.settings))
    assert set(IMAGE_TYPES) <= set(api["BinaryMediaTypes"])


@both
def test_the_usage_plan_follows_the_settings(environment: Synthesised, stack: str) -> None:
    (plan,) = environment.properties("AWS::ApiGateway::UsagePlan", stack=stack)
    serving = environment.settings.serving

    assert plan["Throttle"] == {
        "BurstLimit": serving.burst,
        "RateLimit": serving.rate_per_second,
    }
    assert plan["Quota"] == {"Limit": serving.quota_per_month, "Period": "MONTH"}
    assert len(environment.properties("AWS::ApiGateway::UsagePlanKey", stack=stack)) == 1


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


@both
def test_access_logs_hold_no_payload_and_no_person(environment: Synthesised, stack: str) -> None:
    (stage,) = environment.properties("AWS::ApiGateway::Stage", stack=stack)
    written = stage["AccessLogSetting"]["Format"]

    assert json.loads(written)["request_id"] == "$context.requestId"
    assert not [field for field in PERSONAL if field in written]
    assert all(each["DataTraceEnabled"] is False for each in stage["MethodSettings"])
    assert (stage["StageName"], stage["TracingEnabled"]) == ("live", True)


def refusals(found: Synthesised, stack: str) -> dict[str, dict[str, Any]]:
    responses = found.properties("AWS::ApiGateway::GatewayResponse", stack=stack)
    return {each["ResponseType"]: each for each in responses}


@both
def test_refusals_of_the_gateway_have_the_body_of_the_adapters(
    environment: Synthesised, stack: str
) -> None:
    told = {}
    for kind, response in refusals(environment, stack).items():
        body = response["ResponseTemplates"]["application/json"]
        filled = body.replace("$context.error.messageString", '"said"')
        told[kind] = ErrorBody.model_validate_json(filled).error

    assert told["THROTTLED"].code == "throttled"
    assert told["INVALID_API_KEY"].code == "forbidden"
    assert told["BAD_REQUEST_BODY"].code == "invalid_request"
    assert {"DEFAULT_4XX", "DEFAULT_5XX"} <= set(told)
    too_large = told["REQUEST_TOO_LARGE"]
    assert (too_large.limit, "/upload" in too_large.message) == (INLINE_IMAGE_BYTES, True)


@both
def test_no_browser_may_call_unless_its_origin_is_named(
    prod: Synthesised, overridden: Synthesised, stack: str
) -> None:
    def methods(found: Synthesised) -> set[str]:
        found_methods = found.properties("AWS::ApiGateway::Method", stack=stack)
        return {each["HttpMethod"] for each in found_methods}

    assert "OPTIONS" not in methods(prod)
    assert "OPTIONS" in methods(overridden)
    assert not any("ResponseParameters" in each for each in refusals(prod, stack).values())
    header = {"gatewayresponse.header.Access-Control-Allow-Origin": "'https://app.example.com'"}
    for refusal in refusals(overridden, stack).values():
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
    explain_refusals(api, origins, too_large="are sent elsewhere.")
    template = Template.from_stack(Stack.of(api)).find_resources("AWS::ApiGateway::GatewayResponse")
    assert {
        each["Properties"]["ResponseParameters"][
            "gatewayresponse.header.Access-Control-Allow-Origin"
        ]
        for each in template.values()
    } == {value}


def inference(found: Synthesised) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the method ``POST /inference`` and the stage."""
    (stage,) = found.properties("AWS::ApiGateway::Stage", stack="Serving")
    (adapter,) = [
        path.split("/")[1]
        for path in found.resources("AWS::Lambda::Function")
        if "InferenceAdapter" in path
    ]
    (method,) = [
        each
        for each in found.properties("AWS::ApiGateway::Method")
        if adapter in json.dumps(each["Integration"])
    ]
    return method, stage


def test_answers_are_kept_for_one_method_by_what_was_asked_and_who_asks(
    environment: Synthesised,
) -> None:
    method, stage = inference(environment)
    settings = {
        (each["ResourcePath"], each["HttpMethod"]): each for each in stage["MethodSettings"]
    }
    kept, others = settings["/~1inference", "POST"], settings["/*", "*"]

    assert (stage["CacheClusterEnabled"], stage["CacheClusterSize"]) == (True, "0.5")
    assert (kept["CachingEnabled"], kept["CacheDataEncrypted"]) == (True, True)
    assert kept["CacheTtlInSeconds"] == environment.settings.serving.cache_seconds
    assert others["CachingEnabled"] is False
    # a method's own settings replace the common ones, all of them
    for name in ("ThrottlingRateLimit", "ThrottlingBurstLimit", "LoggingLevel", "MetricsEnabled"):
        assert kept[name] == others[name]
    key = [
        f"method.request.header.{name}"
        for name in (
            "x-image-sha256",
            "x-api-key",
            "Content-Type",
            "x-model-version",
            "x-attempt",
        )
    ]
    found = method["Integration"]["CacheKeyParameters"]
    assert found[: len(key)] == key
    assert method["RequestParameters"] == {name: name == key[0] for name in found}
    assert "RequestValidatorId" in method


def test_answers_are_not_kept_where_the_settings_say_so(overridden: Synthesised) -> None:
    method, stage = inference(overridden)

    hash_header = "method.request.header.x-image-sha256"
    assert stage["CacheClusterEnabled"] is False
    assert [each["CachingEnabled"] for each in stage["MethodSettings"]] == [False, False]
    assert method["RequestParameters"][hash_header] is False
    assert hash_header in method["Integration"]["CacheKeyParameters"]
    assert not [path for path in overridden.resources("AWS::Events::Rule") if "Cache" in path]


def test_answers_that_name_an_origin_are_kept_by_origin() -> None:
    def origins(*named: str) -> bool:
        return "Origin" in key_headers(ServingSettings(allowed_origins=named))

    assert origins("https://a.example")
    assert origins("https://a.example", "https://b.example")
    assert not origins()
    assert not origins("*")


def test_pages_may_upload_from_named_origins_alone(
    prod: Synthesised, overridden: Synthesised
) -> None:
    assert not [each for each in prod.properties("AWS::S3::Bucket") if "CorsConfiguration" in each]
    allowed = {
        path: each["Properties"]["CorsConfiguration"]["CorsRules"]
        for path, each in overridden.resources("AWS::S3::Bucket").items()
        if "CorsConfiguration" in each["Properties"]
    }
    for bucket, method in {"Storage/RawBucket": "PUT", "Storage/ImagesBucket": "POST"}.items():
        assert allowed.pop(bucket) == [
            {
                "AllowedHeaders": ["Content-Type"],
                "AllowedMethods": [method],
                "AllowedOrigins": ["https://app.example.com"],
                "MaxAge": 600,
            }
        ]
    assert allowed == {}


@pytest.mark.parametrize(
    ("operation", "statuses"),
    [
        ("predict", "200 400 403 413 415 422 429 500 502 503 504"),
        ("upload", "201 400 403 413 429 500 502 504"),
        ("submit", "202 400 403 413 415 422 429 500 502 503 504"),
        ("collect", "200 202 403 404 429 500 502 503 504"),
        ("tell", "200 400 403 404 409 422 429 500 502 503 504"),
        ("health", "200 403 429 500 502 503 504"),
    ],
)
def test_methods_tell_their_answers(prod: Synthesised, operation: str, statuses: str) -> None:
    methods = {each["OperationName"]: each for each in prod.properties("AWS::ApiGateway::Method")}
    answers = {each["StatusCode"]: each for each in methods[operation]["MethodResponses"]}
    models = {
        status: text(each["ResponseModels"]["application/json"]) for status, each in answers.items()
    }

    assert " ".join(answers) == statuses
    assert "ErrorBody" in models["429"]
    assert "method.response.header.Retry-After" in answers["429"]["ResponseParameters"]


def test_models_are_in_one_piece_and_in_draft_4(prod: Synthesised) -> None:
    models = prod.properties("AWS::ApiGateway::Model")

    assert "Prediction" in {each["Name"] for each in models}
    for each in models:
        written = json.dumps(each["Schema"])
        assert not [name for name in ("$ref", "$defs", "null", "title") if f'"{name}"' in written]


def test_answers_are_forgotten_with_a_version_and_at_the_end_of_a_deployment(
    environment: Synthesised,
) -> None:
    names = Names.of(environment.settings)
    patterns = {
        rule["Name"]: rule["EventPattern"]
        for rule in environment.properties("AWS::Events::Rule", stack="Serving")
        if rule["Name"].startswith(names.prefix) and "cache-clearing" in rule["Name"]
    }
    assert {each["source"][0] for each in patterns.values()} == {"aws.ssm", DEPLOYMENT_SOURCE}
    assert patterns[names.name("cache-clearing")]["detail"]["name"] == [
        names.active_version_parameter
    ]


def test_all_apis_log_with_the_one_role_of_the_account(environment: Synthesised) -> None:
    (account,) = environment.resources("AWS::ApiGateway::Account")

    assert account.startswith("Monitoring/")
    for stack in ROUTES:
        (stage,) = environment.properties("AWS::ApiGateway::Stage", stack=stack)
        everywhere = next(each for each in stage["MethodSettings"] if each["HttpMethod"] == "*")
        assert everywhere["LoggingLevel"] == "ERROR"
