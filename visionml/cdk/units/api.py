"""An API: its routes, a key, a usage plan, logs without payloads."""

import json
from collections.abc import Sequence
from typing import Any

from aws_cdk.aws_apigateway import (
    AccessLogField,
    AccessLogFormat,
    ApiKey,
    ApiKeySourceType,
    EndpointType,
    LambdaIntegration,
    LogGroupLogDestination,
    MethodLoggingLevel,
    MethodResponse,
    Model,
    Period,
    QuotaSettings,
    RequestValidator,
    RestApi,
    StageOptions,
    ThrottleSettings,
    UsagePlanPerApiStage,
)
from aws_cdk.aws_kms import IKey
from constructs import Construct

from visionml.cdk.findings import acknowledge
from visionml.cdk.units.api_cache import CACHED, key_headers, stage_options
from visionml.cdk.units.api_models import Models
from visionml.cdk.units.api_refusals import explain_refusals, preflight
from visionml.cdk.units.api_routes import Body, Route, headers_of
from visionml.cdk.units.log_group import log_group
from visionml.contracts.inference import IMAGE_TYPES
from visionml.contracts.names import API_STAGE
from visionml.contracts.settings import Settings

_JSON = "application/json"
BINARY_TYPES = (*IMAGE_TYPES, "application/octet-stream")


class Api(Construct):
    """A REST API in front of functions, for programs that have its key.

    It and its key have one name; what it keeps of answers the settings say, if it is `cached`.
    Logs are written as the account's `ApiLogging` allows.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        settings: Settings,
        name: str,
        description: str,
        callers: str,
        routes: Sequence[Route],
        headers: Sequence[str],
        too_large: str,
        logs_key: IKey,
        cached: bool = False,
    ) -> None:
        super().__init__(scope, id)
        self._settings, self._name = settings, name
        self._cached = cached
        origins = settings.serving.allowed_origins
        self.api = RestApi(
            self,
            "Api",
            rest_api_name=name,
            description=description,
            endpoint_types=[EndpointType.REGIONAL],
            binary_media_types=list(BINARY_TYPES),
            api_key_source_type=ApiKeySourceType.HEADER,
            cloud_watch_role=False,
            default_cors_preflight_options=preflight(origins, headers),
            deploy_options=self._stage(logs_key),
        )
        self._validator = RequestValidator(
            self,
            "Validator",
            rest_api=self.api,
            validate_request_body=True,
            validate_request_parameters=True,
        )
        self._models = Models(self, "Models", api=self.api)
        self._route(routes)
        explain_refusals(self.api, origins, too_large=too_large)
        self.key = self._key(callers)
        programs = "Callers are programs with an API key under a usage plan; there are no users."
        acknowledge(self.api, {"AwsSolutions-APIG4": programs, "AwsSolutions-COG4": programs})

    def _stage(self, logs_key: IKey) -> StageOptions:
        group = log_group(
            self,
            "AccessLogs",
            name=f"/aws/apigateway/{self._name}",
            key=logs_key,
            settings=self._settings,
        )
        common: dict[str, Any] = {
            "metrics_enabled": True,
            "logging_level": MethodLoggingLevel.ERROR,
            "data_trace_enabled": False,  # it would log payloads
            "throttling_rate_limit": self._settings.serving.rate_per_second,
            "throttling_burst_limit": self._settings.serving.burst,
        }
        return StageOptions(
            stage_name=API_STAGE,
            tracing_enabled=True,
            access_log_destination=LogGroupLogDestination(group),
            access_log_format=_access_log_format(),
            **common,
            **(stage_options(self._settings.serving, common) if self._cached else {}),
        )

    def _route(self, routes: Sequence[Route]) -> None:
        for route in routes:
            keyed = self._keyed(route)
            known = {f"method.request.{name}": must for name, must in route.parameters.items()}
            checked = bool(route.body or keyed)
            self.api.root.resource_for_path(route.path).add_method(
                route.method,
                LambdaIntegration(
                    route.function,
                    cache_key_parameters=list(keyed) or None,
                    cache_namespace=route.path.strip("/") if keyed else None,
                ),
                api_key_required=True,
                operation_name=route.operation,
                request_models={_JSON: self._model(route.body)} if route.body else None,
                request_parameters={**known, **keyed} or None,
                request_validator=self._validator if checked else None,
                method_responses=self._responses(route),
            )

    def _keyed(self, route: Route) -> dict[str, bool]:
        if not self._cached or f"{route.path}/{route.method}" != CACHED:
            return {}
        headers = key_headers(self._settings.serving)
        return {f"method.request.header.{name}": must for name, must in headers.items()}

    def _responses(self, route: Route) -> list[MethodResponse]:
        """Return what the document says of answers; the functions' own pass as they are."""
        return [
            MethodResponse(
                status_code=str(status),
                response_models={_JSON: self._model(body)},
                response_parameters={
                    f"method.response.header.{name}": True
                    for name in headers_of(status, route.path)
                },
            )
            for status, body in route.bodies.items()
        ]

    def _model(self, body: Body) -> Model:
        return self._models.add(body.name, body.schema)

    def _key(self, callers: str) -> ApiKey:
        serving = self._settings.serving
        key = ApiKey(self, "Key", api_key_name=self._name, description=callers)
        plan = self.api.add_usage_plan(
            "Plan",
            name=self._name,
            throttle=ThrottleSettings(
                rate_limit=serving.rate_per_second, burst_limit=serving.burst
            ),
            quota=QuotaSettings(limit=serving.quota_per_month, period=Period.MONTH),
            api_stages=[UsagePlanPerApiStage(api=self.api, stage=self.api.deployment_stage)],
        )
        plan.add_api_key(key)
        return key


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
