# ruff: noqa: SLF001  (these modules exist to touch what MiniStack does not offer)
"""Requests as they come in: which operation of which service, and answers given in its stead."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ministack import app
from ministack.core import iam_actions, router

from visionml.local.internals.iam import Query
from visionml.local.internals.services import Response

_INVOCATION = ("/endpoints/", "/invocations")
_VERSIONED = ("GetObjectVersion", "DeleteObjectVersion")


@dataclass(frozen=True)
class Asked:
    """A request's operation, named as botocore names it where the request tells."""

    service: str
    """Its signing scope, such as ``dynamodb``."""
    operation: str
    headers: Mapping[str, str]


def answer_instead(answer: Callable[[Callable[[], Asked]], Response | None]) -> None:
    """Ask, before each request is served, whether it has another answer.

    The function gets one that returns what is asked, which costs; None lets the request be served.
    What services of this process ask of each other does not pass here.
    """
    dispatch = app._dispatch_service_request

    @functools.wraps(dispatch)
    async def wrapped(*request: Any) -> Any:
        *asked, request_id = request
        given = answer(lambda: _asked(*asked))
        if given is not None:
            status, own, content = given
            return status, {**own, "x-amzn-requestid": request_id}, content
        return await dispatch(*request)

    app._dispatch_service_request = wrapped


def _asked(method: str, path: str, headers: Mapping[str, str], body: bytes, query: Query) -> Asked:
    parameters = app._routing_params(method, path, headers, body, query)
    service = str(router.detect_service(method, path, headers, parameters))
    target, action = headers.get("x-amz-target", ""), parameters.get("Action")
    if target:
        name = target.rsplit(".", 1)[-1]
    elif action:
        name = str(action[0] if isinstance(action, list) else action)
    elif path.startswith(_INVOCATION[0]) and path.endswith(_INVOCATION[1]):
        name = "InvokeEndpoint"
    else:
        allowed = iam_actions.extract_iam_action(service, method, path, headers, body, parameters)
        name = str(allowed or "").rpartition(":")[2]
    if service == "s3":
        name = _of_s3(name, method, path, headers, query)
    return Asked(service, "Invoke" if name == "InvokeFunction" else name, headers)


def _of_s3(action: str, method: str, path: str, headers: Mapping[str, str], query: Query) -> str:
    """Return the operation for which S3 asks IAM for an action of another name."""
    of_object = "/" in path.strip("/")
    if method == "HEAD":
        return "HeadObject" if of_object else "HeadBucket"
    if "x-amz-copy-source" in headers:
        return "UploadPartCopy" if "partNumber" in query else "CopyObject"
    if method == "POST" and headers.get("content-type", "").startswith("multipart/form-data"):
        return "PostObject"
    if action == "ListBucket":
        return "ListObjectsV2" if "list-type" in query else "ListObjects"
    return action.removesuffix("Version") if action in _VERSIONED else action
