# ruff: noqa: SLF001  (this module exists to touch what MiniStack does not offer)
"""MiniStack's internals, as a small typed surface; no other module touches them.

MiniStack reads its environment when it is imported, so the server sets that first and imports
this afterwards. ``tests/unit/local/test_ministack_contract.py`` fails when a release of MiniStack
moves anything that is used here.

Calls run in the scope of one account and region: a request's, a Step Functions execution's, or
the one that `scope` opens in a thread of one's own.
"""

import asyncio
import contextvars
import functools
import json
import math
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType, SimpleNamespace
from typing import Any, Literal
from urllib.parse import parse_qs

from ministack import app
from ministack.core import iam_actions, iam_evaluator, responses, router
from ministack.services import (
    apigateway_v1,
    cloudwatch,
    cloudwatch_logs,
    ecr,
    eventbridge,
    iam,
    lambda_svc,
    s3,
    stepfunctions,
    sts,
)
from ministack.services.cloudformation import provisioners, stacks

from visionml.errors import AccessDenied, NotFound

Response = tuple[int, dict[str, str], bytes]
Query = Mapping[str, Sequence[str]]
ServiceHandler = Callable[
    [str, str, Mapping[str, str], bytes, Query], Awaitable[tuple[int, dict[str, str], Any]]
]
TaskHandler = Callable[[str, Any], Any]
Properties = dict[str, Any]


# --- scope -----------------------------------------------------------------------------------


def account() -> str:
    """Return the account of the request in progress."""
    return str(responses.get_account_id())


def region() -> str:
    """Return the region of the request in progress."""
    return str(responses.get_region())


@contextmanager
def scope(account_id: str, region_name: str) -> Iterator[None]:
    """Work for one account and region in a thread that serves no request."""
    with responses.request_scope(account_id, region_name):
        yield


def start_thread(work: Callable[[], object], *, name: str) -> threading.Thread:
    """Run work in a daemon thread that keeps the scope of the request in progress."""
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(work,), name=name, daemon=True)
    thread.start()
    return thread


def event_loop() -> asyncio.AbstractEventLoop | None:
    """Return the loop that serves requests; None outside a running server."""
    loop: asyncio.AbstractEventLoop | None = app._MAIN_LOOP
    return loop


# --- services --------------------------------------------------------------------------------


def register_service(
    name: str, handler: ServiceHandler, *, reset: Callable[[], None] | None = None
) -> None:
    """Serve requests signed for `name` (its signing scope, such as ``sagemaker``) by a handler.

    The handler gets method, path, headers in lower case, body and query, on the event loop, after
    the signature was checked; what the caller may do is for the handler to ask of `denial`.
    A header named ``Content-Type`` is rewritten to a JSON service's; one in lower case is not.
    """
    # without an entry here, the first request looks for the name in all of botocore's models
    router.SERVICE_PATTERNS.setdefault(name, {})
    app.SERVICE_HANDLERS[name] = handler
    app.SERVICE_REGISTRY[name] = {"module": name}
    app._loaded_modules[name] = SimpleNamespace(
        handle_request=handler,
        reset=reset or (lambda: None),
        get_state=lambda: None,
        load_persisted_state=lambda _state: None,
    )


async def call_api(
    name: str, method: str, path: str, *, body: bytes = b"", target: str = "", query: str = ""
) -> Response:
    """Call a service in this process, past IAM, on the event loop."""
    status, answer, content = await app.SERVICE_HANDLERS[name](
        method, path, _internal_headers(name, target), body, parse_qs(query, keep_blank_values=True)
    )
    return status, answer, content if isinstance(content, bytes) else str(content).encode()


def call_service(
    name: str, method: str, path: str, *, body: bytes = b"", target: str = ""
) -> Response:
    """Call a service in this process, past IAM, from a thread that is not the event loop's."""
    status, answer, content = app.call_service_handler_sync(
        app.SERVICE_HANDLERS[name], method, path, _internal_headers(name, target), body, {}
    )
    return status, answer, content if isinstance(content, bytes) else str(content).encode()


def call_as(
    session: "Session",
    name: str,
    method: str,
    path: str,
    *,
    body: bytes = b"",
    query: str = "",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Call a service as a role's session, from a thread that is not the event loop's.

    IAM, resource policies and CloudTrail see it as a request over TLS; only the signature and the
    socket are left out. `path` is not escaped.
    """
    loop = app._MAIN_LOOP
    scoped = f"20260101/{region()}/{name}/aws4_request"
    sent = {
        **_internal_headers(name, ""),
        **(headers or {}),
        "authorization": f"AWS4-HMAC-SHA256 Credential={session.access_key_id}/{scoped}",
        "x-amz-security-token": session.session_token,
        "content-length": str(len(body)),
    }

    async def call() -> Response:
        iam_evaluator._signed_request.set(None)
        iam_evaluator._anonymous.set(False)
        iam_evaluator.pin_request_origin("127.0.0.1", secure_transport=True)
        status, answer, content = await app._dispatch_service_request(
            method, path, sent, body, parse_qs(query, keep_blank_values=True), str(uuid.uuid4())
        )
        return status, answer, content if isinstance(content, bytes) else str(content).encode()

    return asyncio.run_coroutine_threadsafe(call(), loop).result()


def _internal_headers(service: str, target: str) -> dict[str, str]:
    headers = {"host": f"{service}.{region()}.amazonaws.com"}
    if target:
        headers |= {"x-amz-target": target, "content-type": "application/x-amz-json-1.1"}
    return headers


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    """Serve requests: MiniStack's ASGI application."""
    await app.app(scope, receive, send)


# --- who may do what -------------------------------------------------------------------------


@dataclass(frozen=True)
class Session:
    """Temporary credentials of a role."""

    access_key_id: str
    secret_access_key: str
    session_token: str
    expires: float
    """Seconds since the epoch."""
    arn: str


def register_session(role_arn: str, session_name: str, *, seconds: int = 6 * 3600) -> Session:
    """Assume a role without asking its trust policy, as a service does for its job."""
    role_name = _role_name(role_arn)
    session = Session(
        iam._gen_session_access_key(),
        iam._gen_secret(),
        iam._gen_session_token(),
        time.time() + seconds,
        f"arn:aws:sts::{role_arn.split(':')[4]}:assumed-role/{role_name}/{session_name[:64]}",
    )
    sts.register_session(
        session.access_key_id,
        {
            "Arn": session.arn,
            "UserId": f"{sts._role_id(role_arn)}:{session_name[:64]}",
            "SecretAccessKey": session.secret_access_key,
            "SessionToken": session.session_token,
            "Expiration": session.expires,
            "AccountId": role_arn.split(":")[4],
            "PrincipalType": "AssumedRole",
        },
    )
    return session


def access_key(headers: Mapping[str, str], query: Query | None = None) -> str:
    """Return the access key id that a request is signed with."""
    return str(router.extract_access_key_id(headers, query or {}))


def caller_arn(headers: Mapping[str, str], query: Query | None = None) -> str:
    """Return the ARN of the user or role session that a request is signed by."""
    return str(iam_evaluator.request_caller_arn(headers, query or {}))


def denial(
    key: str, action: str, resource: str = "*", context: Mapping[str, Any] | None = None
) -> str | None:
    """Return AWS's sentence of refusal when the owner of an access key may not do this, or None.

    `action` is such as ``sagemaker:CreateModel``; `context` adds condition keys.
    """
    service = action.split(":", 1)[0]
    denied = iam_evaluator.enforce(
        key, action, service, region(), resource_arn=resource, service_context=dict(context or {})
    )
    if denied is None:
        return None
    if isinstance(denied, iam_evaluator.AuthError):
        return str(denied.message)
    explicit = denied.decision == "Deny"
    return str(
        iam_actions.identity_denial_message(action, denied.principal_arn, resource, explicit)
    )


def enforce(
    principal: str, action: str, resource: str = "*", context: Mapping[str, Any] | None = None
) -> None:
    """Check that a role, named by its ARN, may do this.

    Raises
    ------
    AccessDenied
        Its identity policies, or the resource's own policy, do not allow it; AWS's sentence.
    """
    reason = denial(_service_session(principal).access_key_id, action, resource, context)
    if reason:
        raise AccessDenied(reason)


def role_exists(role_arn: str) -> bool:
    """Tell whether IAM has the role."""
    return ":role/" in role_arn and iam._roles.get(_role_name(role_arn)) is not None


def role_trusts(role_arn: str, service: str) -> bool:
    """Tell whether a role lets a service such as ``sagemaker.amazonaws.com`` assume it."""
    role = iam._roles.get(_role_name(role_arn)) or {}
    document = role.get("AssumeRolePolicyDocument") or {}
    if isinstance(document, str):
        document = json.loads(document)
    statements = document.get("Statement", [])
    for statement in [statements] if isinstance(statements, dict) else statements:
        principal = statement.get("Principal", {})
        services = principal.get("Service", []) if isinstance(principal, dict) else []
        if statement.get("Effect") == "Allow" and service in (
            [services] if isinstance(services, str) else services
        ):
            return True
    return False


@dataclass(frozen=True)
class User:
    """An IAM user and its access key."""

    arn: str
    access_key_id: str
    secret_access_key: str


def create_user(name: str, policy_arn: str, *, access_key_id: str, secret_access_key: str) -> User:
    """Create an IAM user with a managed policy and an access key of our choosing."""
    created = str(iam._now())
    arn = f"arn:aws:iam::{account()}:user/{name}"
    iam._users[name] = {
        "UserName": name,
        "Arn": arn,
        "UserId": iam._gen_id("AIDA"),
        "CreateDate": created,
        "Path": "/",
        "AttachedPolicies": [policy_arn],
        "Tags": [],
    }
    iam._access_keys[access_key_id] = {
        "UserName": name,
        "AccessKeyId": access_key_id,
        "SecretAccessKey": secret_access_key,
        "Status": "Active",
        "CreateDate": created,
    }
    return User(arn, access_key_id, secret_access_key)


def _role_name(role_arn: str) -> str:
    return role_arn.rsplit("/", 1)[-1]


@functools.lru_cache(maxsize=512)
def _cached_session(role_arn: str, _hour: int) -> Session:
    return register_session(role_arn, "embedded-aws")


def _service_session(role_arn: str) -> Session:
    session = _cached_session(role_arn, int(time.time() // 3600))
    if session.access_key_id not in sts._sessions:  # a reset forgot it
        _cached_session.cache_clear()
        session = _cached_session(role_arn, int(time.time() // 3600))
    return session


# --- Step Functions --------------------------------------------------------------------------

_machine_role: contextvars.ContextVar[str] = contextvars.ContextVar("machine_role", default="")
_execution: contextvars.ContextVar[Mapping[str, Any]] = contextvars.ContextVar(
    "execution", default=MappingProxyType({})
)
_deadline: contextvars.ContextVar[float] = contextvars.ContextVar("deadline", default=math.inf)


def execution_role() -> str:
    """Return the role ARN of the state machine whose task is running; empty outside one."""
    return _machine_role.get()


def execution_name() -> str:
    """Return the name of the execution whose task is running; empty outside one."""
    return str(_execution.get().get("name", ""))


def task_abandoned() -> bool:
    """Tell whether nobody waits for the running task any more: it was stopped or is overdue."""
    status = _execution.get().get("status", "RUNNING")
    return status != "RUNNING" or time.monotonic() > _deadline.get()


def execution_error(error: str, cause: str) -> Exception:
    """Return the exception that fails a task with a Step Functions error name and cause."""
    failure: Exception = stepfunctions._ExecutionError(error, cause)
    return failure


def register_task_integration(resource_prefix: str, handler: TaskHandler) -> None:
    """Serve tasks such as ``arn:aws:states:::sagemaker:createTrainingJob``.

    The handler gets the state's Resource as written (``.sync`` included) and its resolved
    parameters, in a thread of the execution, and may block. It returns the task's result or
    raises `execution_error`. Its role is `execution_role`.
    """
    stepfunctions._SERVICE_DISPATCH[resource_prefix] = handler


def register_sdk_integration(
    service: str, *, target_prefix: str, error_prefix: str, service_key: str | None = None
) -> None:
    """Serve ``aws-sdk:service:action`` tasks of a JSON service, such as ``sagemaker``.

    The call reaches the registered service signed as the state machine's role.
    """
    stepfunctions._AWS_SDK_SERVICE_MAP[service] = {
        "target_prefix": target_prefix,
        "protocol": "json",
        "service_key": service_key or service,
    }
    stepfunctions._AWS_SDK_ERROR_PREFIX[service] = error_prefix


def enforce_machine_roles(
    permissions: Callable[[str, Any], Iterable[tuple[str, str]]],
) -> None:
    """Check every task of MiniStack's own integrations against the state machine's role.

    `permissions` returns the (action, resource) pairs that a task's Resource and parameters need;
    ``aws-sdk`` tasks are checked on the request they make. A refused task fails with
    ``States.TaskFailed`` and AWS's sentence.
    """
    stepfunctions._run_execution = _under_machine_role(stepfunctions._run_execution)
    stepfunctions._invoke_resource = _permitted(stepfunctions._invoke_resource, permissions)
    stepfunctions._invoke_with_callback = _permitted(
        stepfunctions._invoke_with_callback, permissions
    )
    stepfunctions._invoke_resource_with_timeout = _timed(
        stepfunctions._invoke_resource_with_timeout
    )
    app.call_service_handler_sync = _signed_by_machine(app.call_service_handler_sync)


def _under_machine_role(run: Callable[[str], None]) -> Callable[[str], None]:
    @functools.wraps(run)
    def wrapped(execution_arn: str) -> None:
        execution = stepfunctions._executions.get(execution_arn) or {}
        machine = stepfunctions._state_machines.get(execution.get("stateMachineArn")) or {}
        token = _machine_role.set(machine.get("roleArn", ""))
        execution_token = _execution.set(execution)
        try:
            run(execution_arn)
        finally:
            _machine_role.reset(token)
            _execution.reset(execution_token)

    return wrapped


def _timed(invoke: Callable[[str, Any, float], Any]) -> Callable[[str, Any, float], Any]:
    @functools.wraps(invoke)
    def wrapped(resource: str, parameters: Any, timeout: float) -> Any:
        token = _deadline.set(time.monotonic() + float(timeout))
        try:
            return invoke(resource, parameters, timeout)
        finally:
            _deadline.reset(token)

    return wrapped


def _permitted(
    invoke: Callable[..., Any], permissions: Callable[[str, Any], Iterable[tuple[str, str]]]
) -> Callable[..., Any]:
    @functools.wraps(invoke)
    def wrapped(resource: str, parameters: Any, *rest: Any) -> Any:
        role = _machine_role.get()
        if role:
            for action, arn in permissions(resource, parameters):
                try:
                    enforce(role, action, arn)
                except AccessDenied as refused:
                    raise execution_error("States.TaskFailed", refused.message) from refused
        return invoke(resource, parameters, *rest)

    return wrapped


def _signed_by_machine(call: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(call)
    def wrapped(handler: ServiceHandler, *request: Any, timeout: float | None = None) -> Any:
        method, path, headers, body, query = request
        role = _machine_role.get()
        if role and "Credential=test/" in headers.get("authorization", ""):
            key = _service_session(role).access_key_id
            signature = headers["authorization"].replace("Credential=test/", f"Credential={key}/")
            headers = {**headers, "authorization": signature}
            _refuse_request(key, (method, path, headers, body, query))
        return call(handler, method, path, headers, body, query, timeout)

    return wrapped


def _refuse_request(key: str, request: tuple[str, str, dict[str, str], Any, Any]) -> None:
    """Fail the task whose request to one of MiniStack's own services its role does not allow."""
    method, path, headers, body, query = request
    raw = body.encode() if isinstance(body, str) else body or b""
    service = headers["authorization"].split("Credential=")[1].split("/")[3]
    action = iam_actions.extract_iam_action(service, method, path, headers, raw, query)
    if action is None:  # a service of our own: its handler asks `denial` itself
        return
    arn = iam_actions.extract_resource_arn(
        service, method, path, headers, raw, query, region(), account()
    )
    reason = denial(key, action, arn)
    if reason:
        prefix = stepfunctions._AWS_SDK_ERROR_PREFIX.get(service, service.capitalize())
        raise execution_error(f"{prefix}.AccessDeniedException", reason)


# --- CloudFormation --------------------------------------------------------------------------


@dataclass(frozen=True)
class Provisioned:
    """What ``Ref`` and ``Fn::GetAtt`` of a resource return."""

    physical_id: str
    attributes: Mapping[str, Any]


Create = Callable[[str, Properties, str], Provisioned]
"""(logical id, properties, stack name) -> the resource; an exception fails the stack."""
Update = Callable[[str, Properties, Properties, str], Provisioned]
"""(physical id, old properties, new properties, stack name) -> the resource."""
Delete = Callable[[str, Properties], None]
"""(physical id, properties); a resource that is gone already is no error."""

_blocking_types: set[str] = set()


def register_resource_type(
    type_name: str,
    *,
    create: Create,
    update: Update,
    delete: Delete,
    replaced_by: Sequence[str] = (),
    tags: Literal["list", "map"] | None = "list",
    blocking: bool = False,
) -> None:
    """Let stacks hold a resource type.

    `replaced_by` names the properties whose change makes a new resource (and deletes the old
    one); any other change reaches `update`. A `blocking` type, one that waits for something the
    server itself does, runs in a thread instead of on the event loop.
    """

    def create_pair(*args: Any) -> tuple[str, dict[str, Any]]:
        made = create(*args)
        return made.physical_id, dict(made.attributes)

    def update_pair(*args: Any) -> tuple[str, dict[str, Any]]:
        made = update(*args)
        return made.physical_id, dict(made.attributes)

    provisioners._RESOURCE_HANDLERS[type_name] = {
        "create": create_pair,
        "update": update_pair,
        "delete": delete,
    }
    provisioners._REPLACING_PROPERTIES[type_name] = tuple(replaced_by)
    if tags:
        provisioners._STACK_TAG_PROPERTY[type_name] = ("Tags", tags)
    if blocking:
        _blocking_types.add(type_name)


def _runs_on_worker_thread(resource_type: str) -> bool:
    return resource_type in _blocking_types or bool(_own_runs_on_worker_thread(resource_type))


_own_runs_on_worker_thread = stacks._runs_on_worker_thread
stacks._runs_on_worker_thread = _runs_on_worker_thread


def resource_types() -> frozenset[str]:
    """Return the CloudFormation types that can be deployed."""
    return frozenset(provisioners._RESOURCE_HANDLERS)


def add_attributes(type_name: str, extra: Callable[[Properties], Mapping[str, Any]]) -> None:
    """Give a type that MiniStack serves further ``Fn::GetAtt`` values."""
    handler = provisioners._RESOURCE_HANDLERS[type_name]
    create, update = handler["create"], handler["update"]

    def with_extra(_id: str, properties: Properties, *rest: Any) -> tuple[str, dict[str, Any]]:
        physical_id, attributes = create(_id, properties, *rest)
        return physical_id, {**attributes, **extra(properties)}

    def updated(_id: str, old: Properties, new: Properties, *rest: Any) -> tuple[str, Any]:
        physical_id, attributes = update(_id, old, new, *rest)
        return physical_id, {**attributes, **extra(new)}

    handler |= {"create": with_extra, "update": updated}


def rewrite_outputs(rewrite: Callable[[str], str]) -> None:
    """Pass the value of every stack output through a function when a stack is deployed."""
    resolve = stacks._resolve_stack_outputs

    @functools.wraps(resolve)
    def wrapped(*args: Any) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
        outputs, exports = resolve(*args)
        for output in outputs:
            output["OutputValue"] = rewrite(output["OutputValue"])
        for export in exports.values():
            export["Value"] = rewrite(export["Value"])
        return outputs, exports

    stacks._resolve_stack_outputs = wrapped


def keep_full_buckets() -> None:
    """Fail the deletion of a bucket that holds objects, as AWS does; MiniStack drops them."""
    handler = provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]
    delete = handler["delete"]

    def refuse(physical_id: str, properties: Properties) -> None:
        root = {"host": "s3", "authorization": "AWS4-HMAC-SHA256 Credential=test/d/r/s3/x"}
        status, _, listed = asyncio.run(
            s3.handle_request("GET", f"/{physical_id}", root, b"", {"versions": [""]})
        )
        if status == 200 and (b"<Version>" in listed or b"<DeleteMarker>" in listed):
            raise ValueError(
                "The bucket you tried to delete is not empty. "
                "You must delete all versions in the bucket."
            )
        delete(physical_id, properties)

    handler["delete"] = refuse
    _blocking_types.add("AWS::S3::Bucket")


def physical_name(
    stack_name: str, logical_id: str, *, max_length: int = 63, lowercase: bool = False
) -> str:
    """Return CloudFormation's generated name of a resource that was given none."""
    return str(
        provisioners._physical_name(stack_name, logical_id, max_len=max_length, lowercase=lowercase)
    )


# --- events, metrics, logs -------------------------------------------------------------------


def put_event(
    source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str] = ()
) -> None:
    """Publish an event of an AWS service, such as ``aws.sagemaker``, on the default bus."""
    entry = {
        "Source": source,
        "DetailType": detail_type,
        "Detail": json.dumps(detail),
        "Resources": list(resources),
    }
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


def put_metric_data(namespace: str, data: Sequence[Mapping[str, Any]]) -> None:
    """Publish metrics in PutMetricData's form; `evaluate_alarms` makes alarms look at them."""
    for datum in data:
        dimensions = {each["Name"]: each["Value"] for each in datum.get("Dimensions", [])}
        at = cloudwatch._parse_ts(datum.get("Timestamp")) or time.time()
        unit, values = datum.get("Unit", "None"), datum.get("Values")
        rest = (datum.get("Value"), values, datum.get("Counts"), datum.get("StatisticValues"))
        cloudwatch._store_datum(namespace, datum["MetricName"], dimensions, at, unit, *rest)


_LATEST_ARRIVAL_SECONDS = 300
"""How long after its time a data point may be published; they are kept as they arrive."""


def metric_statistic(
    namespace: str,
    name: str,
    dimensions: Mapping[str, str],
    *,
    statistic: str,
    between: tuple[float, float],
) -> float | None:
    """Return a metric's statistic over a time (seconds since the epoch); None without data."""
    key = (namespace, name, cloudwatch._dims_key(dict(dimensions)))
    first, last = between
    points = []
    for point in reversed(cloudwatch._metrics.get(key) or []):
        if point["Timestamp"] < first - _LATEST_ARRIVAL_SECONDS:
            break
        if first < point["Timestamp"] <= last:
            points.append(point)
    value = cloudwatch._stat_value(cloudwatch._calc_stats(points), statistic, points)
    return float(value) if points and value is not None else None


@dataclass(frozen=True)
class AlarmVerdict:
    """An alarm's state (``OK``, ``ALARM``, ``INSUFFICIENT_DATA``) and why."""

    state: str
    reason: str


def decide_alarms(
    decide: Callable[[Mapping[str, Any]], AlarmVerdict | None],
    check: Callable[[Sequence[Mapping[str, Any]]], None],
) -> None:
    """Decide the states of metric alarms by a function of PutMetricAlarm's record.

    `check` refuses the ``Metrics`` of an alarm that a stack creates; MiniStack refuses all of
    them. The SNS actions, the history and composite alarms stay MiniStack's; a change is also
    published as an event.
    """

    def evaluate(alarm: dict[str, Any]) -> None:
        verdict, before = decide(alarm), alarm["StateValue"]
        if verdict is None or verdict.state == before:
            return
        alarm["StateValue"], alarm["StateReason"] = verdict.state, verdict.reason
        alarm["StateUpdatedTimestamp"] = int(time.time())
        cloudwatch._record_history(alarm["AlarmName"], before, verdict.state, verdict.reason)
        cloudwatch._dispatch_alarm_actions(alarm, before, verdict.state, verdict.reason)
        cloudwatch._evaluate_parent_alarms(alarm)
        states = {"state": {"value": verdict.state}, "previousState": {"value": before}}
        detail = {"alarmName": alarm["AlarmName"], **states}
        put_event("aws.cloudwatch", "CloudWatch Alarm State Change", detail, [alarm["AlarmArn"]])

    cloudwatch._evaluate_alarm = evaluate
    record = provisioners._cw_metric_alarm_record

    @functools.wraps(record)
    def with_metrics(name: str, properties: Properties) -> dict[str, Any]:
        queries = properties.get("Metrics")
        if not queries:
            return dict(record(name, properties))
        check(queries)
        simple = {key: value for key, value in properties.items() if key != "Metrics"}
        made = dict(record(name, {**simple, "MetricName": "-", "Namespace": "-"}))
        absent = dict.fromkeys(("MetricName", "Namespace", "Statistic", "Period"))
        return {**made, **absent, "Dimensions": [], "Metrics": queries}

    provisioners._cw_metric_alarm_record = with_metrics


def evaluate_alarms() -> None:
    """Decide every alarm of the account and region now."""
    cloudwatch._evaluate_all_alarms()


def put_log_events(group: str, stream: str, messages: Iterable[str]) -> None:
    """Append lines to a log stream, creating group and stream as needed."""
    if group not in cloudwatch_logs._log_groups:
        cloudwatch_logs._create_log_group({"logGroupName": group})
    if stream not in cloudwatch_logs._log_groups[group]["streams"]:
        cloudwatch_logs._create_log_stream({"logGroupName": group, "logStreamName": stream})
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": message} for message in messages]
    if events:
        cloudwatch_logs._put_log_events(
            {"logGroupName": group, "logStreamName": stream, "logEvents": events}
        )


def on_log_event(listener: Callable[[str, int], None]) -> None:
    """Call a listener with each message and its time (ms since the epoch) that a log receives.

    Lambda's output and PutLogEvents both pass here. A listener must not raise.
    """
    append = cloudwatch_logs._append_log_events

    @functools.wraps(append)
    def wrapped(stream: Any, events: Sequence[Mapping[str, Any]]) -> None:
        append(stream, events)
        for event in events:
            listener(event["message"], event["timestamp"])

    cloudwatch_logs._append_log_events = wrapped


def on_execution_status(listener: Callable[[str, str, float], None]) -> None:
    """Call a listener with (state machine ARN, status, seconds so far) of each execution."""
    emit = stepfunctions._emit_execution_status_event

    @functools.wraps(emit)
    def wrapped(execution: Mapping[str, Any]) -> None:
        emit(execution)
        began = datetime.fromisoformat(execution["startDate"])
        seconds = (datetime.now(UTC) - began).total_seconds()
        listener(execution["stateMachineArn"], execution["status"], seconds)

    stepfunctions._emit_execution_status_event = wrapped


def on_api_call(listener: Callable[[str, str, int, float], None]) -> None:
    """Call a listener with (API name, stage, status, seconds) of each call of a REST API."""
    execute = apigateway_v1.handle_execute

    @functools.wraps(execute)
    async def wrapped(api_id: str, stage: str, *rest: Any) -> Any:
        began = time.perf_counter()
        answer = await execute(api_id, stage, *rest)
        api = apigateway_v1._rest_apis.get(api_id)
        if api:
            listener(api["name"], stage, answer[0], time.perf_counter() - began)
        return answer

    apigateway_v1.handle_execute = wrapped


def match_request_models() -> None:
    """Check an API request against the model of its own content type, or ``$default``'s.

    AWS does not check a content type that has no model; MiniStack takes the JSON model for it.
    """
    check = apigateway_v1._check_request_validation

    @functools.wraps(check)
    def wrapped(method: Mapping[str, Any], api_id: str, request: Any, *rest: Any) -> Any:
        headers = {str(key).lower(): value for key, value in rest[0].items()}
        content_type = headers.get("content-type", "application/json").split(";", 1)[0].strip()
        models = method.get("requestModels") or {}
        model = models.get(content_type) or models.get("$default")
        chosen = {"application/json": model} if model else {}
        return check({**method, "requestModels": chosen}, api_id, request, *rest)

    apigateway_v1._check_request_validation = wrapped


# --- ECR -------------------------------------------------------------------------------------


def image_manifest(repository: str, reference: str) -> dict[str, Any]:
    """Return the manifest of an image in the registry, from its tag or digest.

    Raises
    ------
    NotFound
        The registry has no such repository or image.
    """
    key = "imageDigest" if reference.startswith("sha256:") else "imageTag"
    image = ecr._find_image(repository, {key: reference})
    if image is None:
        raise NotFound(f"The image {repository}:{reference} does not exist in the registry.")
    manifest: dict[str, Any] = json.loads(image["imageManifest"])
    return manifest


def lambda_workers_reset() -> None:
    """Stop the warm Lambda worker processes."""
    lambda_svc.reset()
