# ruff: noqa: SLF001  (these modules exist to touch what MiniStack does not offer)
"""Services: added ones, and calls of any from inside the process."""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs

from ministack import app
from ministack.core import iam_actions, iam_evaluator, router
from ministack.services import ecr

from visionml.errors import NotFound
from visionml.local.internals.iam import Query, Session, access_key, caller_arn
from visionml.local.internals.scope import account, region

Response = tuple[int, dict[str, str], bytes]
ServiceHandler = Callable[
    [str, str, Mapping[str, str], bytes, Query], Awaitable[tuple[int, dict[str, str], Any]]
]


_dispatch = app._dispatch_service_request
"""As MiniStack has it: what is wrapped around it is for requests from outside."""


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
    # MiniStack would ask IAM itself, of a service that it knows, and of all resources at once
    iam_actions.SERVICE_TO_IAM_NAMESPACE.pop(name, None)
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


@dataclass(frozen=True)
class Call:
    """A request to a service; `path` is not escaped."""

    method: str
    path: str
    body: bytes = b""
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


def caller_session(headers: Mapping[str, str], query: Query) -> Session:
    """Return the credentials of a request in progress, for `call_as`: AWS's forward access."""
    token = headers.get("x-amz-security-token", "")
    return Session(access_key(headers, query), "", token, 0.0, caller_arn(headers, query))


def own_session() -> Session:
    """Return the account's own credentials for `call_as`, with which its services act."""
    return Session(account(), "", "", 0.0, f"arn:aws:iam::{account()}:root")


def call_as(session: Session, name: str, *calls: Call) -> list[Response]:
    """Call a service as a role's session, from a thread that is not the event loop's.

    IAM, resource policies and CloudTrail see requests over TLS; only the signature and the socket
    are left out. Many calls at once spare the changes between the threads.
    """
    scoped = f"20260101/{region()}/{name}/aws4_request"
    signed = {
        **_internal_headers(name, ""),
        "authorization": f"AWS4-HMAC-SHA256 Credential={session.access_key_id}/{scoped}",
        "x-amz-security-token": session.session_token,
    }

    async def run() -> list[Response]:
        iam_evaluator._signed_request.set(None)
        iam_evaluator._anonymous.set(False)
        iam_evaluator.pin_request_origin("127.0.0.1", secure_transport=True)
        answers = []
        for call in calls:
            answers.append(await _dispatched(call, signed))
            await asyncio.sleep(0)  # other requests have their turn
        return answers

    return asyncio.run_coroutine_threadsafe(run(), app._MAIN_LOOP).result()


async def _dispatched(call: Call, signed: Mapping[str, str]) -> Response:
    headers = {**call.headers, **signed, "content-length": str(len(call.body))}
    query = parse_qs(call.query, keep_blank_values=True)
    status, answer, content = await _dispatch(
        call.method, call.path, headers, call.body, query, str(uuid.uuid4())
    )
    return status, answer, content if isinstance(content, bytes) else str(content).encode()


def _internal_headers(service: str, target: str) -> dict[str, str]:
    headers = {"host": f"{service}.{region()}.amazonaws.com"}
    if target:
        headers |= {"x-amz-target": target, "content-type": "application/x-amz-json-1.1"}
    return headers


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    """Serve requests: MiniStack's ASGI application."""
    await app.app(scope, receive, send)


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
