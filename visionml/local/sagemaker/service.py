"""SageMaker's front door: finds the operation, asks IAM, answers."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from visionml.local import ministack
from visionml.local.sagemaker import job_operations, permissions, wire
from visionml.local.sagemaker.core import Caller, Document
from visionml.local.sagemaker.faults import Fault, not_offered
from visionml.local.sagemaker.state import State

Operation = Callable[[State, Caller, Document], Document]
Response = tuple[int, dict[str, str], bytes]

log = logging.getLogger(__name__)

OPERATIONS: dict[str, Operation] = {
    "CreateTrainingJob": job_operations.create_training_job,
    "DescribeTrainingJob": job_operations.describe_training_job,
    "ListTrainingJobs": job_operations.list_training_jobs,
    "StopTrainingJob": job_operations.stop_training_job,
    "CreateProcessingJob": job_operations.create_processing_job,
    "DescribeProcessingJob": job_operations.describe_processing_job,
    "ListProcessingJobs": job_operations.list_processing_jobs,
    "StopProcessingJob": job_operations.stop_processing_job,
}


class Service:
    """The embedded SageMaker."""

    def __init__(self, state: State) -> None:
        self.state = state

    async def handle(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query: ministack.Query,
    ) -> tuple[int, dict[str, str], Any]:
        """Answer an HTTP request that is signed for ``sagemaker``."""
        del method, path
        target = headers.get("x-amz-target", "")
        caller = Caller(
            self.state.cloud.scope(),
            ministack.access_key(headers, query),
            ministack.caller_arn(headers, query),
        )
        return self.respond(target.removeprefix(wire.TARGET_PREFIX), body, caller)

    def respond(self, operation: str, body: bytes, caller: Caller) -> Response:
        """Answer one JSON request."""
        try:
            request = wire.parse(operation, body)
            return (
                200,
                _HEADERS.copy(),
                wire.answer(operation, self.call(operation, request, caller)),
            )
        except Fault as fault:
            headers = {**_HEADERS, "x-amzn-errortype": fault.code}
            return fault.status, headers, wire.error_body(fault)

    def call(self, operation: str, request: Document, caller: Caller) -> Document:
        """Do an operation on a checked request.

        Raises
        ------
        Fault
            IAM does not allow it, it is not offered, or it refuses.
        """
        for action, arn in permissions.required(operation, request, caller.scope):
            self.state.cloud.allow(caller, action, arn)
        known = OPERATIONS.get(operation)
        if known is None:
            raise not_offered(f"the operation {operation}")
        return known(self.state, caller, request)


_HEADERS = {"Content-Type": "application/x-amz-json-1.1"}
