"""AWS Batch's front door: finds the operation, asks IAM, answers."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from visionml.local import ministack
from visionml.local.batch import (
    administration,
    definition_operations,
    job_operations,
    permissions,
    resource_operations,
    tag_operations,
    wire,
)
from visionml.local.batch.faults import Fault, denied, not_offered
from visionml.local.batch.world import World
from visionml.local.sagemaker.core import Caller, Document

Operation = Callable[[World, Caller, Document], Document]
OPERATIONS: dict[str, Operation] = {
    "CreateComputeEnvironment": resource_operations.create_environment,
    "DescribeComputeEnvironments": resource_operations.describe_environments,
    "UpdateComputeEnvironment": resource_operations.update_environment,
    "DeleteComputeEnvironment": resource_operations.delete_environment,
    "CreateJobQueue": resource_operations.create_queue,
    "DescribeJobQueues": resource_operations.describe_queues,
    "UpdateJobQueue": resource_operations.update_queue,
    "DeleteJobQueue": resource_operations.delete_queue,
    "RegisterJobDefinition": definition_operations.register,
    "DescribeJobDefinitions": definition_operations.describe,
    "DeregisterJobDefinition": definition_operations.deregister,
    "SubmitJob": job_operations.submit,
    "DescribeJobs": job_operations.describe,
    "ListJobs": job_operations.listed,
    "CancelJob": job_operations.cancel,
    "TerminateJob": job_operations.terminate,
    "CancelJobs": job_operations.cancel_many,
    "TerminateJobs": job_operations.terminate_many,
    "GetJobQueueSnapshot": job_operations.front,
    "TagResource": tag_operations.add,
    "UntagResource": tag_operations.remove,
    "ListTagsForResource": tag_operations.listed,
}
_HEADERS = {"content-type": "application/json"}


class Service:
    """The embedded AWS Batch."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def handle(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query: ministack.Query,
    ) -> tuple[int, dict[str, str], Any]:
        """Answer an HTTP request that is signed for ``batch``."""
        caller = Caller.of_request(headers, query)

        def respond() -> tuple[int, dict[str, str], bytes]:
            try:
                if headers.get("x-amz-target") == administration.TARGET:
                    answer = administration.interrupt(self.world, caller, body)
                    return 200, _HEADERS.copy(), answer
                operation, request = wire.parse(method, path, query, body)
                answer = wire.answer(operation, self.call(operation, request, caller))
                return 200, _HEADERS.copy(), answer
            except Fault as fault:
                told = {**_HEADERS, "x-amzn-errortype": fault.code}
                return fault.status, told, wire.error_body(fault)

        return await asyncio.to_thread(respond)

    def call(self, operation: str, request: Document, caller: Caller) -> Document:
        """Do an operation on a checked request.

        Raises
        ------
        Fault
            IAM does not allow it, it is not offered, or it refuses.
        """
        for action, arn in permissions.required(operation, request, caller.scope):
            reason = ministack.denial(caller.access_key, action, arn)
            if reason:
                raise denied(reason)
        known = OPERATIONS.get(operation)
        if known is None:
            raise not_offered(f"the operation {operation}")
        return known(self.world, caller, request)
