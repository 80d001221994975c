"""Rekognition's front door: asks IAM, finds the picture, has it looked at, answers."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from visionml.errors import Unavailable
from visionml.local import json_protocol, ministack
from visionml.local.ministack import Call, Response, Session
from visionml.local.refusals import Fault, not_offered
from visionml.local.rekognition import answers, pictures
from visionml.local.rekognition.answers import Document, Seen
from visionml.local.rekognition.eyes import Eyes
from visionml.local.rekognition.registered import Labeller, registered
from visionml.local.state import Project

NAME = "rekognition"
_PREFIX = "RekognitionService."
_HEADERS = {"Content-Type": "application/x-amz-json-1.1"}
_NOBODY = (
    "No model has been registered that could label pictures. Register one: "
    "visionml local labels s3://BUCKET/KEY/model.tar.gz --version VERSION"
)


class Service:
    """The embedded Rekognition."""

    def __init__(self, project: Project) -> None:
        self._project = project
        # finding faces takes seconds, which labels need not wait for
        self._labelling, self._finding = Eyes(), Eyes()

    def close(self) -> None:
        """End the processes that look at pictures."""
        self._labelling.close()
        self._finding.close()

    async def handle(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query: ministack.Query,
    ) -> tuple[int, dict[str, str], Any]:
        """Answer an HTTP request that is signed for ``rekognition``."""
        del method, path
        caller = ministack.caller_session(headers, query)
        operation = headers.get("x-amz-target", "").removeprefix(_PREFIX)
        # pictures come from S3, which answers on this loop
        return await asyncio.to_thread(self.respond, operation, body, caller)

    def respond(self, operation: str, body: bytes, caller: Session) -> Response:
        """Answer one JSON request."""
        try:
            _authorise(operation, caller)
            request = json_protocol.parse(operation, body, service=NAME)
            answer = self._call(operation, request, caller)
            return 200, _HEADERS.copy(), json_protocol.answer(operation, answer, service=NAME)
        except Fault as fault:
            headers = {**_HEADERS, "x-amzn-errortype": fault.code}
            return fault.status, headers, json_protocol.error_body(fault)

    def _call(self, operation: str, request: Document, caller: Session) -> Document:
        offered = _OFFERED.get(operation)
        if offered is None:
            raise not_offered(f"the operation {operation}", "Rekognition")
        _refuse(request, offered)
        labeller = self._labeller() if operation == "DetectLabels" else None
        picture = pictures.picture(request["Image"], caller)
        try:
            if labeller is not None:
                seen = self._labelling.labels(picture, labeller, lambda: _archive(labeller))
                return answers.labels(_checked(seen), request, labeller.version)
            if operation == "DetectFaces":
                return answers.faces(_checked(self._finding.look("faces", picture)))
            return answers.text(_checked(self._finding.look("text", picture)))
        except Unavailable as error:
            raise _broken(f"{error.message} {error.hint}") from error

    def _labeller(self) -> Labeller:
        labeller = registered(self._project)
        if labeller is None:
            raise _broken(_NOBODY)
        return labeller


_OFFERED: dict[str, dict[str, tuple[Any, ...]]] = {
    "DetectLabels": {"Features": ([], ["GENERAL_LABELS"]), "Settings": ({}, {"GeneralLabels": {}})},
    "DetectFaces": {"Attributes": ([], ["DEFAULT"])},
    "DetectText": {"Filters": ({},)},
}
"""Operations, and what their further parameters may say."""


def _authorise(operation: str, caller: Session) -> None:
    reason = ministack.denial(caller.access_key_id, f"{NAME}:{operation}")
    if reason:
        raise Fault("AccessDeniedException", reason)


def _refuse(request: Mapping[str, Any], offered: Mapping[str, tuple[Any, ...]]) -> None:
    for name, values in offered.items():
        if name in request and request[name] not in values:
            raise pictures.invalid_parameters(
                f"The embedded Rekognition does not offer {name} {request[name]}. "
                "It exists on AWS only."
            )


def _checked(seen: Seen) -> Seen:
    """Return what was seen in a picture that Rekognition looks at."""
    if "refused" in seen:
        large = seen["refused"] in {"too_many_pixels", "too_many_bytes"}
        raise pictures.too_large() if large else pictures.invalid_format()
    if "failed" in seen:
        raise _broken(str(seen["failed"]))
    pictures.check_size(seen["width"], seen["height"])
    return seen


def _archive(labeller: Labeller) -> bytes:
    parts = urlsplit(labeller.artefact)
    call = Call("GET", f"/{parts.netloc}{parts.path}")
    status, _, content = ministack.call_as(ministack.own_session(), "s3", call)[0]
    if status != 200:
        raise _broken(f"The registered model {labeller.artefact} cannot be read. {_NOBODY}")
    return content


def _broken(message: str) -> Fault:
    return Fault("InternalServerError", message, status=500)
