"""The inference API: one route, a key, a usage plan, and errors that say what is wrong."""

import json

from aws_cdk.aws_apigateway import (
    AccessLogField,
    AccessLogFormat,
    ApiKey,
    ApiKeySourceType,
    CorsOptions,
    EndpointType,
    JsonSchema,
    JsonSchemaType,
    LambdaIntegration,
    LogGroupLogDestination,
    MethodLoggingLevel,
    Model,
    Period,
    QuotaSettings,
    RequestValidatorOptions,
    ResponseType,
    RestApi,
    StageOptions,
    ThrottleSettings,
    UsagePlanPerApiStage,
)
from aws_cdk.aws_kms import IKey
from aws_cdk.aws_lambda import IFunction
from constructs import Construct

from visionml.cdk.findings import acknowledge
from visionml.cdk.units.lifetime import removal_policy
from visionml.cdk.units.log_group import log_group
from visionml.contracts.names import API_STAGE, Names
from visionml.contracts.settings import Settings

BINARY_TYPES = ("image/jpeg", "image/png", "image/webp", "application/octet-stream")

_REFUSALS = {
    "BAD_REQUEST_BODY": (ResponseType.BAD_REQUEST_BODY, "400", "invalid_request"),
    "INVALID_API_KEY": (ResponseType.INVALID_API_KEY, "403", "forbidden"),
    "ACCESS_DENIED": (ResponseType.ACCESS_DENIED, "403", "forbidden"),
    "MISSING_AUTHENTICATION_TOKEN": (
        ResponseType.MISSING_AUTHENTICATION_TOKEN,
        "404",
        "not_found",
    ),
    "REQUEST_TOO_LARGE": (ResponseType.REQUEST_TOO_LARGE, "413", "too_large"),
    "THROTTLED": (ResponseType.THROTTLED, "429", "throttled"),
    "QUOTA_EXCEEDED": (ResponseType.QUOTA_EXCEEDED, "429", "quota_exceeded"),
    "INTEGRATION_TIMEOUT": (ResponseType.INTEGRATION_TIMEOUT, "504", "timeout"),
    "DEFAULT_5XX": (ResponseType.DEFAULT_5_XX, None, "internal"),
}
"""What API Gateway refuses by itself, as the ``ErrorBody`` that the adapter answers too."""


class InferenceApi(Construct):
    """``POST /inference`` in front of the adapter."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        settings: Settings,
        names: Names,
        adapter: IFunction,
        logs_key: IKey,
    ) -> None:
        super().__init__(scope, id)
        self._settings, self._names = settings, names
        self.api = RestApi(
            self,
            "Api",
            rest_api_name=names.api,
            description="Predictions from images.",
            endpoint_types=[EndpointType.REGIONAL],
            binary_media_types=list(BINARY_TYPES),
            api_key_source_type=ApiKeySourceType.HEADER,
            cloud_watch_role=True,
            cloud_watch_role_removal_policy=removal_policy(settings),
            default_cors_preflight_options=self._cors(),
            deploy_options=self._stage(logs_key),
        )
        self._route(adapter)
        self._explain_refusals()
        self.key = self._key()
        self._explain()

    def _stage(self, logs_key: IKey) -> StageOptions:
        group = log_group(
            self,
            "AccessLogs",
            name=f"/aws/apigateway/{self._names.api}",
            key=logs_key,
            settings=self._settings,
        )
        return StageOptions(
            stage_name=API_STAGE,
            tracing_enabled=True,
            metrics_enabled=True,
            logging_level=MethodLoggingLevel.ERROR,
            data_trace_enabled=False,  # it would log payloads
            access_log_destination=LogGroupLogDestination(group),
            access_log_format=_access_log_format(),
            throttling_rate_limit=self._settings.serving.rate_per_second,
            throttling_burst_limit=self._settings.serving.burst,
        )

    def _cors(self) -> CorsOptions | None:
        origins = self._settings.serving.allowed_origins
        if not origins:
            return None
        return CorsOptions(
            allow_origins=list(origins),
            allow_methods=["POST", "OPTIONS"],
            allow_headers=["Content-Type", "X-Api-Key"],
        )

    def _route(self, adapter: IFunction) -> None:
        body = Model(
            self,
            "Request",
            rest_api=self.api,
            content_type="application/json",
            description="An image as base64; images themselves are sent under their own type.",
            schema=JsonSchema(
                type=JsonSchemaType.OBJECT,
                required=["image"],
                properties={"image": JsonSchema(type=JsonSchemaType.STRING, min_length=1)},
                additional_properties=False,
            ),
        )
        self.api.root.add_resource("inference").add_method(
            "POST",
            LambdaIntegration(adapter),
            api_key_required=True,
            request_models={"application/json": body},
            request_validator_options=RequestValidatorOptions(
                request_validator_name="body",
                validate_request_body=True,
                validate_request_parameters=True,
            ),
        )

    def _explain_refusals(self) -> None:
        for name, (kind, status, code) in _REFUSALS.items():
            message = "$context.error.messageString"  # a JSON string, quoted by API Gateway
            body = f'{{"error":{{"code":"{code}","message":{message},"limit":null}}}}'
            self.api.add_gateway_response(
                name, type=kind, status_code=status, templates={"application/json": body}
            )

    def _key(self) -> ApiKey:
        serving = self._settings.serving
        key = ApiKey(
            self,
            "Key",
            api_key_name=self._names.api,
            description="For the callers of the inference API.",
        )
        plan = self.api.add_usage_plan(
            "Plan",
            name=self._names.api,
            throttle=ThrottleSettings(
                rate_limit=serving.rate_per_second, burst_limit=serving.burst
            ),
            quota=QuotaSettings(limit=serving.quota_per_month, period=Period.MONTH),
            api_stages=[UsagePlanPerApiStage(api=self.api, stage=self.api.deployment_stage)],
        )
        plan.add_api_key(key)
        return key

    def _explain(self) -> None:
        callers = "Callers are programs with an API key under a usage plan; there are no users."
        acknowledge(self.api, {"AwsSolutions-APIG4": callers, "AwsSolutions-COG4": callers})
        acknowledge(
            self.api.deployment_stage,
            {
                "AwsSolutions-APIG3": "Requests without a key are refused and the others are "
                "throttled and validated; a web ACL is not attached."
            },
        )
        policy = "arn:<AWS::Partition>:iam::aws:policy/service-role"
        acknowledge(
            self.api,
            {
                f"AwsSolutions-IAM4[Policy::{policy}/AmazonAPIGatewayPushToCloudWatchLogs]": (
                    "API Gateway demands this policy of the account's one logging role."
                )
            },
        )


def _access_log_format() -> AccessLogFormat:
    """Return what is kept of a request: no payload, no address, no caller but the key's id."""
    fields = {
        "request_id": AccessLogField.context_request_id(),
        "time": AccessLogField.context_request_time(),
        "method": AccessLogField.context_http_method(),
        "path": AccessLogField.context_resource_path(),
        "status": AccessLogField.context_status(),
        "response_bytes": AccessLogField.context_response_length(),
        "latency_ms": AccessLogField.context_response_latency(),
        "integration_latency_ms": AccessLogField.context_integration_latency(),
        "api_key_id": AccessLogField.context_identity_api_key_id(),
        "error": AccessLogField.context_error_message(),
        "trace_id": AccessLogField.context_xray_trace_id(),
    }
    return AccessLogFormat.custom(json.dumps(fields))
