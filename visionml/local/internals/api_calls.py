# ruff: noqa: SLF001  (these modules exist to touch what MiniStack does not offer)
"""The calls of REST APIs as they happen: what is told of them, and the answers that are kept."""

import asyncio
import functools
import re
import time
from collections.abc import Callable, Coroutine, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from ministack.services import apigateway_v1
from ministack.services.cloudformation import provisioners

from visionml.local.api_cache import Cache
from visionml.local.internals.stacks import Properties

_FLUSH = re.compile(r"/restapis/([^/]+)/stages/([^/]+)/cache/data/?")
_UNAUTHORIZED_WARNING = "199 Cache-control headers were ignored because the caller was unauthorized"


@dataclass
class _Trace:
    """What is asked, and what is found out while it is answered."""

    api_id: str = ""
    stage: str = ""
    method: str = ""
    path: str = ""
    headers: Mapping[str, Any] = field(default_factory=dict)
    request: Mapping[str, Any] = field(default_factory=dict)
    integration_seconds: float | None = None
    cached: bool | None = None
    error: str = ""
    error_type: str = ""


_LONGEST_MS = 29_000
_late: set["asyncio.Future[Any]"] = set()
_trace: ContextVar[_Trace | None] = ContextVar("visionml_api_call", default=None)


@dataclass(frozen=True)
class ApiCall:
    """One call of a REST API, answered."""

    api: str
    api_id: str
    stage: str
    method: str
    path: str
    resource_path: str
    request_id: str
    status: int
    response_bytes: int
    seconds: float
    integration_seconds: float | None
    """None where no integration was called."""
    cached: bool | None
    """Whether the stage's cache answered; None where nothing is kept for the method."""
    api_key_id: str
    source_ip: str
    user_agent: str
    error: str
    error_type: str
    access_log: tuple[str, str]
    """The log group's ARN and the format; empty where the stage has none."""


def on_api_call(listener: Callable[[ApiCall], None]) -> None:
    """Call a listener with each call of a REST API."""
    execute, inner = apigateway_v1.handle_execute, apigateway_v1._execute_in_scope
    failed = apigateway_v1._gateway_error_response

    @functools.wraps(inner)
    async def traced(request: dict[str, Any], *rest: Any) -> Any:
        if (trace := _trace.get()) is not None:
            trace.request = request
        return await inner(request, *rest)

    @functools.wraps(failed)
    def refused(error: Any, request: Any) -> Any:
        if (trace := _trace.get()) is not None:
            trace.error, trace.error_type = error.message or "", error.response_type
        return failed(error, request)

    @functools.wraps(execute)
    async def wrapped(*asked: Any) -> Any:
        api_id, stage, method, path, headers = asked[:5]
        trace = _Trace(api_id, stage, method, path, headers or {})
        token = _trace.set(trace)
        began = time.perf_counter()
        try:
            answer = await execute(*asked)
        finally:
            _trace.reset(token)
        api = apigateway_v1._rest_apis.get(api_id)
        if api:
            listener(_call(api["name"], trace, answer, time.perf_counter() - began))
        return answer

    apigateway_v1._execute_in_scope = traced
    apigateway_v1._gateway_error_response = refused
    apigateway_v1.handle_execute = wrapped


def _call(
    api: str, trace: _Trace, answer: tuple[int, Mapping[str, Any], bytes], seconds: float
) -> ApiCall:
    settings = (trace.request.get("stage") or {}).get("accessLogSettings") or {}
    headers = trace.headers
    key = apigateway_v1._resolve_api_key(apigateway_v1._api_key_from_request(headers))
    return ApiCall(
        api=api,
        api_id=trace.api_id,
        stage=trace.stage,
        method=trace.method,
        path=trace.path,
        resource_path=trace.request.get("resource_path") or "",
        request_id=trace.request.get("request_id") or "",
        status=int(answer[0]),
        response_bytes=len(answer[2] or b""),
        seconds=seconds,
        integration_seconds=trace.integration_seconds,
        cached=trace.cached,
        api_key_id=str(key or ""),
        source_ip=str(headers.get("x-forwarded-for") or "127.0.0.1"),
        user_agent=str(headers.get("user-agent") or ""),
        error=trace.error,
        error_type=trace.error_type,
        access_log=(str(settings.get("destinationArn", "")), str(settings.get("format", ""))),
    )


def keep_answers(cache: Cache) -> None:
    """Answer from a cache where a stage has one and a method uses it, and let it be flushed."""
    invoke, control = apigateway_v1._invoke_lambda_proxy_v1, apigateway_v1.handle_request
    reset = apigateway_v1.reset

    @functools.wraps(invoke)
    async def cached(*given: Any, **more: Any) -> Any:
        integration, api_id, stage_name, stage, resource, _, method, headers, _, query = given[:10]
        trace = _trace.get() or _Trace()
        rule = _rule(stage, resource["path"], method)
        values = _values(integration, headers, query, given[10] or {})
        key = (api_id, stage_name, resource["path"], method, *values)
        refreshed, warning = _cache_control(rule, headers)
        if rule and not refreshed:
            kept = cache.find(key)
            trace.cached = kept is not None
            if kept is not None:
                return kept[0], {**kept[1], **warning}, kept[2]
        began = time.perf_counter()
        answer = await _in_time(invoke(*given, **more), integration)
        trace.integration_seconds = time.perf_counter() - began
        if rule and isinstance(answer, tuple):
            cache.keep(key, answer, seconds=float(rule["cacheTtlInSeconds"]))
            return answer[0], {**answer[1], **warning}, answer[2]
        return answer

    @functools.wraps(control)
    async def flushing(method: str, path: str, *rest: Any) -> Any:
        asked = _FLUSH.fullmatch(path)
        if method != "DELETE" or asked is None:
            return await control(method, path, *rest)
        cache.flush(asked[1], asked[2])
        return 202, {}, b""

    def forgetting() -> None:
        cache.clear()
        reset()

    apigateway_v1._invoke_lambda_proxy_v1 = cached
    apigateway_v1.handle_request = flushing
    apigateway_v1.reset = forgetting


async def _in_time(answer: Coroutine[Any, Any, Any], integration: Mapping[str, Any]) -> Any:
    """Return an integration's answer; one that takes too long goes on without anyone waiting."""
    task = asyncio.ensure_future(answer)
    limit_ms = float(integration.get("timeoutInMillis") or _LONGEST_MS)
    await asyncio.wait({task}, timeout=limit_ms / 1000)
    if task.done():
        return task.result()
    _late.add(task)
    task.add_done_callback(_forget)
    return apigateway_v1._gw_error("INTEGRATION_TIMEOUT", "Endpoint request timed out")


def _forget(task: "asyncio.Future[Any]") -> None:
    _late.discard(task)
    if not task.cancelled():
        task.exception()  # which nobody else asks for


def _rule(stage: Mapping[str, Any], path: str, method: str) -> Mapping[str, Any] | None:
    """Return a method's settings if its answers are kept; a stage's own hold for GET alone."""
    if not stage.get("cacheClusterEnabled"):
        return None
    settings: Mapping[str, Any] = stage.get("methodSettings") or {}
    for key in (f"{path}/{method}", f"{path.lstrip('/')}/{method}"):
        if key in settings:
            own: Mapping[str, Any] = settings[key]
            return own if own.get("cachingEnabled") else None
    common: Mapping[str, Any] = settings.get("*/*", {})
    return common if common.get("cachingEnabled") and method == "GET" else None


def _values(
    integration: Mapping[str, Any],
    headers: Mapping[str, Any],
    query: Mapping[str, Any],
    parameters: Mapping[str, Any],
) -> list[str]:
    """Return the values of the cache key parameters, in order."""
    lowered = {str(name).lower(): value for name, value in headers.items()}
    found = []
    for parameter in integration.get("cacheKeyParameters") or []:
        place, _, name = parameter.removeprefix("method.request.").partition(".")
        source = {"header": lowered, "querystring": query, "path": parameters}.get(place, {})
        value = source.get(name.lower() if place == "header" else name)
        found.append(repr(value))
    return found


def _cache_control(
    rule: Mapping[str, Any] | None, headers: Mapping[str, Any]
) -> tuple[bool, dict[str, str]]:
    """Return whether the caller may have the answer made anew, and what he is told if not."""
    wanted = str(headers.get("cache-control", "")).replace(" ", "").lower()
    if rule is None or not ("max-age=0" in wanted or "no-cache" in wanted):
        return False, {}
    if not rule.get("requireAuthorizationForCacheControl", True):
        return True, {}
    strategy = rule.get("unauthorizedCacheControlHeaderStrategy", "SUCCEED_WITH_RESPONSE_HEADER")
    told = strategy == "SUCCEED_WITH_RESPONSE_HEADER"
    return False, {"Warning": _UNAUTHORIZED_WARNING} if told else {}


def keep_stage_settings() -> None:
    """Give stages their cache and their access log; MiniStack's stacks drop both."""
    handler = provisioners._RESOURCE_HANDLERS["AWS::ApiGateway::Stage"]
    handler |= {name: _settled(handler[name], at) for name, at in (("create", 1), ("update", 2))}


def _settled(provision: Callable[..., Any], at: int) -> Callable[..., Any]:
    """Return a stage's provisioner that also sets these; `at` is the properties' place."""

    @functools.wraps(provision)
    def wrapped(*args: Any) -> Any:
        made, properties = provision(*args), args[at]
        stage = apigateway_v1._stages_v1.get(properties["RestApiId"], {}).get(made[0])
        if stage is not None:
            stage |= _settings(properties)
            # templates write a path's slashes as ~1, after a first one: /~1predictions~1{id}
            stage["methodSettings"] = {
                key.replace("/~1", "/").replace("~1", "/"): value
                for key, value in (stage.get("methodSettings") or {}).items()
            }
        return made

    return wrapped


def _settings(properties: Properties) -> dict[str, Any]:
    log = properties.get("AccessLogSetting") or {}
    enabled = str(properties.get("CacheClusterEnabled", False)).lower() == "true"
    return {
        "accessLogSettings": {
            name: log[member]
            for name, member in (("destinationArn", "DestinationArn"), ("format", "Format"))
            if member in log
        },
        "cacheClusterEnabled": enabled,
        "cacheClusterSize": str(properties.get("CacheClusterSize", "0.5")) if enabled else None,
        "cacheClusterStatus": "AVAILABLE" if enabled else "NOT_AVAILABLE",
    }
