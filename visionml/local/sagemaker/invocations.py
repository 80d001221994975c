"""InvokeEndpoint: a request to an endpoint goes to one of its instances and back."""

import asyncio
import contextlib
import json
import re
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from visionml.local.sagemaker.core import Caller, Document
from visionml.local.sagemaker.faults import Fault, not_offered
from visionml.local.sagemaker.fleet import Variant, release
from visionml.local.sagemaker.hosting import Endpoint
from visionml.local.sagemaker.http1 import Answer, BadAnswer, Unreachable
from visionml.local.sagemaker.instance import Instance
from visionml.local.sagemaker.meter import Invocation, Sample, Source
from visionml.local.sagemaker.multi_model import NotLoaded
from visionml.local.sagemaker.state import State

PATH = re.compile(r"/endpoints/(?P<name>[^/]+)/invocations")
LARGEST_BODY = 25 * 1024 * 1024
"""AWS's quota for the payload of a real-time invocation."""
TIMEOUT_SECONDS = 60.0
"""How long AWS lets a container work on a request."""
ATTEMPTS = 3
"""How many instances a request is offered to that nobody has taken."""
_SHOWN_CHARACTERS = 2048
_TARGET_MODEL = "x-amzn-sagemaker-target-model"
_LONGEST_TARGET = 1024
_FORWARDED = ("content-type", "accept", "x-amzn-sagemaker-custom-attributes",
              _TARGET_MODEL, "x-amzn-sagemaker-inference-id")  # fmt: skip
_REFUSED_HEADERS = {
    "x-amzn-sagemaker-target-container-hostname": "containers of an inference pipeline",
    "x-amzn-sagemaker-inference-component": "inference components",
    "x-amzn-sagemaker-session-id": "stateful sessions",
}

Response = tuple[int, dict[str, str], bytes]

_copies: set[asyncio.Task[None]] = set()
"""Copies of requests under way; the event loop itself keeps no reference to a task."""


async def invoke(
    state: State, caller: Caller, name: str, headers: Mapping[str, str], body: bytes
) -> Response:
    """Answer one InvokeEndpoint request.

    Raises
    ------
    Fault
        IAM does not allow it, the endpoint is not there, the request is too large, or the
        container answers with an error (``ModelError``).
    """
    began = time.perf_counter()
    arn = caller.scope.arn("endpoint", name)
    model = headers.get(_TARGET_MODEL, "")
    context = {"sagemaker:TargetModel": model} if model else None
    state.cloud.allow(caller, "sagemaker:InvokeEndpoint", arn, context)
    for header, words in _REFUSED_HEADERS.items():
        if header in headers:
            raise not_offered(words)
    if len(body) > LARGEST_BODY:
        raise Fault(
            "ValidationError",
            f"Request body of {len(body)} bytes is larger than the {LARGEST_BODY} bytes that an "
            "invocation may carry.",
            status=413,
        )
    endpoint = state.endpoints.get(caller.scope, name)
    if endpoint is None or not endpoint.traffic.routes:
        raise _validation(f"Endpoint {name} of account {caller.scope.account} not found.")
    forwarded = {header: headers[header] for header in _FORWARDED if headers.get(header)}
    target = headers.get("x-amzn-sagemaker-target-variant")
    return await _Relay(state, endpoint, forwarded, body, began, model).run(target)


@dataclass(frozen=True)
class _Relay:
    """One request on its way to an instance."""

    state: State
    endpoint: Endpoint
    headers: Mapping[str, str]
    body: bytes
    began: float
    model: str
    """``TargetModel``: which of several models it is for, empty where it names none."""

    async def run(self, target: str | None) -> Response:
        silent: list[Instance] = []
        while len(silent) < ATTEMPTS:
            leased = self.endpoint.traffic.lease(target, silent, model=self.model)
            if leased is None:
                raise _validation(f'Variant "{target}" of endpoint {self.endpoint.name} not found.')
            variant, instance = leased
            if not silent:
                self._copy(variant)
            if instance is None:
                break
            try:
                return await self._exchange(variant, instance)
            except Unreachable:  # it has just ended: another may take the request
                silent.append(instance)
            finally:
                release(instance)
        self._measure(variant, 0, time.perf_counter())
        raise _unavailable(self.endpoint)

    async def _exchange(self, variant: Variant, instance: Instance) -> Response:
        if not variant.design.multi_model:
            if self.model:
                raise _no_target(self.endpoint)
            return await self._sent(variant, instance, "/invocations")
        if not 0 < len(self.model) <= _LONGEST_TARGET:
            raise _target_missing()
        async with self._lent(variant, instance) as path:
            return await self._sent(variant, instance, path)

    @contextlib.asynccontextmanager
    async def _lent(self, variant: Variant, instance: Instance) -> AsyncIterator[str]:
        """Have the request's model loaded; yields where the container answers for it."""
        models = instance.models
        if models is None:
            raise Unreachable("The container starts again.")
        source, asked = self._source(variant), time.perf_counter()

        def tell(name: str, value: float) -> None:
            self.state.meter.sample(source, Sample(name, value))

        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                held = await models.lease(self.model, tell)
        except TimeoutError as error:
            raise _not_ready(self.model) from error
        except BadAnswer as error:
            self._measure(variant, 0, asked)
            raise _model_error(self.endpoint, instance, 0, _broken(error)) from error
        except NotLoaded as error:
            text = error.answer.body.decode("utf-8", "replace")
            self._measure(variant, error.answer.status, asked)
            raise _model_error(self.endpoint, instance, error.answer.status, text) from error
        tell("ModelLoadingWaitTime", (time.perf_counter() - asked) * 1e6)
        try:
            yield held.path
        finally:
            models.release(held, tell)

    async def _sent(self, variant: Variant, instance: Instance, path: str) -> Response:
        sent = time.perf_counter()
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                answer = await instance.pool.request("POST", path, self.headers, self.body)
        except (TimeoutError, BadAnswer) as error:
            self._measure(variant, 0, sent)
            raise _model_error(self.endpoint, instance, 0, _broken(error)) from error
        status = answer.status
        self._measure(variant, status, sent)
        if not 200 <= status < 300:
            text = answer.body.decode("utf-8", "replace")
            raise _model_error(self.endpoint, instance, status, text)
        return 200, _headers(answer, variant), answer.body

    def _copy(self, variant: Variant) -> None:
        """Send the request to the variant's shadow, too, without waiting for what it answers."""
        lent = self.endpoint.traffic.lend_copy(variant)
        if lent is not None:
            task = asyncio.create_task(self._shadowed(*lent))
            _copies.add(task)
            task.add_done_callback(_copies.discard)

    async def _shadowed(self, shadow: Variant, instance: Instance) -> None:
        try:
            with contextlib.suppress(Fault):  # its errors are in its metrics
                await self._exchange(shadow, instance)
        except Unreachable:
            self._measure(shadow, 0, time.perf_counter())
        finally:
            release(instance)

    def _measure(self, variant: Variant, status: int, sent: float) -> None:
        self.state.meter.count(
            self._source(variant),
            Invocation(
                status=status,
                model_microseconds=(time.perf_counter() - sent) * 1e6,
                overhead_microseconds=(sent - self.began) * 1e6,
                instances=len(variant.instances),
            ),
        )

    def _source(self, variant: Variant) -> Source:
        return Source(self.endpoint.scope, self.endpoint.name, variant.name)


def _headers(answer: Answer, variant: Variant) -> dict[str, str]:
    # lower-case names: MiniStack rewrites Content-Type to a JSON service's
    headers = {
        "content-type": answer.headers.get("content-type", "application/octet-stream"),
        "x-amzn-invoked-production-variant": variant.name,
    }
    attributes = answer.headers.get("x-amzn-sagemaker-custom-attributes")
    if attributes:
        headers["x-amzn-sagemaker-custom-attributes"] = attributes
    return headers


def error_response(fault: Fault) -> Response:
    """Return an error in the REST protocol of SageMaker Runtime."""
    members: Document = {"Message": fault.message, **fault.members}
    headers = {"content-type": "application/json", "x-amzn-errortype": fault.code}
    return fault.status, headers, json.dumps(members).encode()


def _model_error(endpoint: Endpoint, instance: Instance, status: int, text: str) -> Fault:
    scope = endpoint.scope
    side = "client" if 400 <= status < 500 else "server"
    group = instance.design.log_group
    console = f"https://{scope.region}.console.aws.amazon.com/cloudwatch/home"
    return Fault(
        "ModelError",
        f'Received {side} error ({status}) from primary with message "{text[:_SHOWN_CHARACTERS]}". '
        f"See {console}?region={scope.region}#logEventViewer:group={group} in account "
        f"{scope.account} for more information.",
        status=424,
        members={
            "OriginalStatusCode": status,
            "OriginalMessage": text,
            "LogStreamArn": f"arn:aws:logs:{scope.region}:{scope.account}:log-group:{group}:"
            f"log-stream:{instance.log_stream}",
        },
    )


def _broken(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return (
            "Your invocation timed out while waiting for a response from container primary. "
            "Review the latency metrics for each container in Amazon CloudWatch, resolve the "
            "issue, and try again."
        )
    return str(error)


def _unavailable(endpoint: Endpoint) -> Fault:
    text = f"No instance of endpoint {endpoint.name} takes requests at present. Try again."
    return Fault("ServiceUnavailable", text, status=503)


def _validation(message: str, code: str = "") -> Fault:
    return Fault("ValidationError", message, members={"ErrorCode": code} if code else None)


def _no_target(endpoint: Endpoint) -> Fault:
    return _validation(
        f"Endpoint {endpoint.name} is not a multi-model endpoint and does not support target model "
        "header.",
        "TARGET_MODEL_HEADER_NOT_SUPPORTED",
    )


def _target_missing() -> Fault:
    return _validation(
        f"The request is missing a target model header, of 1 to {_LONGEST_TARGET} characters."
    )


def _not_ready(model: str) -> Fault:
    return Fault(
        "ModelNotReadyException",
        f"The model {model} is still being downloaded or loaded. Try again.",
        status=429,
    )
