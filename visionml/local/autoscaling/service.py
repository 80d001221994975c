"""Application Auto Scaling's front door: asks IAM, finds the operation, answers."""

import asyncio
from collections.abc import Mapping
from typing import Any

from visionml.local import json_protocol, ministack
from visionml.local.autoscaling.core import SERVICE
from visionml.local.autoscaling.operations import Operations
from visionml.local.refusals import Fault, not_offered
from visionml.local.sagemaker.core import Caller, Document

_PREFIX = "AnyScaleFrontendService."
_HEADERS = {"Content-Type": "application/x-amz-json-1.1"}


class Service:
    """The embedded Application Auto Scaling."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    async def handle(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query: ministack.Query,
    ) -> tuple[int, dict[str, str], Any]:
        """Answer an HTTP request that is signed for ``application-autoscaling``."""
        del method, path
        caller = Caller.of_request(headers, query)
        operation = headers.get("x-amz-target", "").removeprefix(_PREFIX)
        # operations put alarms, which this loop answers
        return await asyncio.to_thread(self.respond, operation, body, caller)

    def respond(
        self, operation: str, body: bytes, caller: Caller
    ) -> tuple[int, dict[str, str], bytes]:
        """Answer one JSON request."""
        try:
            request = json_protocol.parse(operation, body, service=SERVICE)
            _authorise(operation, caller)
            answer = self.call(operation, request, caller)
            return 200, _HEADERS.copy(), json_protocol.answer(operation, answer, service=SERVICE)
        except Fault as fault:
            headers = {**_HEADERS, "x-amzn-errortype": fault.code}
            return fault.status, headers, json_protocol.error_body(fault)

    def call(self, operation: str, request: Document, caller: Caller) -> Document:
        """Do an operation on a checked request, whoever asks.

        Raises
        ------
        Fault
            It is not offered, or it refuses.
        """
        known = self._operations.known.get(operation)
        if known is None:
            raise not_offered(f"the operation {operation}", "Application Auto Scaling")
        return known(caller, request)


def _authorise(operation: str, caller: Caller) -> None:
    arn = f"arn:aws:{SERVICE}:{caller.scope.region}:{caller.scope.account}:scalable-target/*"
    reason = ministack.denial(caller.access_key, f"{SERVICE}:{operation}", arn)
    if reason:
        raise Fault("AccessDeniedException", reason)
