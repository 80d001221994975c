"""SageMaker's front door: finds the operation, asks IAM, answers."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from visionml.local import ministack
from visionml.local.sagemaker import (
    administration,
    endpoint_operations,
    hosting_operations,
    invocations,
    job_operations,
    permissions,
    registry_operations,
    tag_operations,
    transform_operations,
    tuning_operations,
    wire,
)
from visionml.local.sagemaker.core import Caller, Document
from visionml.local.sagemaker.faults import Fault, not_offered
from visionml.local.sagemaker.state import State

Operation = Callable[[State, Caller, Document], Document]
Response = tuple[int, dict[str, str], bytes]


OPERATIONS: dict[str, Operation] = {
    "CreateTrainingJob": job_operations.create_training_job,
    "DescribeTrainingJob": job_operations.describe_training_job,
    "ListTrainingJobs": job_operations.list_training_jobs,
    "StopTrainingJob": job_operations.stop_training_job,
    "CreateProcessingJob": job_operations.create_processing_job,
    "DescribeProcessingJob": job_operations.describe_processing_job,
    "ListProcessingJobs": job_operations.list_processing_jobs,
    "StopProcessingJob": job_operations.stop_processing_job,
    "CreateTransformJob": transform_operations.create_transform_job,
    "DescribeTransformJob": transform_operations.describe_transform_job,
    "ListTransformJobs": transform_operations.list_transform_jobs,
    "StopTransformJob": transform_operations.stop_transform_job,
    "CreateHyperParameterTuningJob": tuning_operations.create_tuning_job,
    "DescribeHyperParameterTuningJob": tuning_operations.describe_tuning_job,
    "ListHyperParameterTuningJobs": tuning_operations.list_tuning_jobs,
    "ListTrainingJobsForHyperParameterTuningJob": tuning_operations.list_training_jobs,
    "StopHyperParameterTuningJob": tuning_operations.stop_tuning_job,
    "DeleteHyperParameterTuningJob": tuning_operations.delete_tuning_job,
    "CreateModel": hosting_operations.create_model,
    "DescribeModel": hosting_operations.describe_model,
    "ListModels": hosting_operations.list_models,
    "DeleteModel": hosting_operations.delete_model,
    "CreateEndpointConfig": hosting_operations.create_config,
    "DescribeEndpointConfig": hosting_operations.describe_config,
    "ListEndpointConfigs": hosting_operations.list_configs,
    "DeleteEndpointConfig": hosting_operations.delete_config,
    "CreateEndpoint": endpoint_operations.create_endpoint,
    "DescribeEndpoint": endpoint_operations.describe_endpoint,
    "ListEndpoints": endpoint_operations.list_endpoints,
    "UpdateEndpoint": endpoint_operations.update_endpoint,
    "UpdateEndpointWeightsAndCapacities": endpoint_operations.update_weights_and_capacities,
    "DeleteEndpoint": endpoint_operations.delete_endpoint,
    "CreateModelPackageGroup": registry_operations.create_group,
    "DescribeModelPackageGroup": registry_operations.describe_group,
    "ListModelPackageGroups": registry_operations.list_groups,
    "DeleteModelPackageGroup": registry_operations.delete_group,
    "CreateModelPackage": registry_operations.create_package,
    "DescribeModelPackage": registry_operations.describe_package,
    "ListModelPackages": registry_operations.list_packages,
    "UpdateModelPackage": registry_operations.update_package,
    "DeleteModelPackage": registry_operations.delete_package,
    "AddTags": tag_operations.add_tags,
    "ListTags": tag_operations.list_tags,
    "DeleteTags": tag_operations.delete_tags,
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
        caller = Caller.of_request(headers, query)
        endpoint = invocations.PATH.fullmatch(path)
        if endpoint is None:
            operation = headers.get("x-amz-target", "").removeprefix(wire.TARGET_PREFIX)
            # operations may wait for S3, which answers on this loop
            return await asyncio.to_thread(self.respond, operation or method, body, caller)
        try:
            return await invocations.invoke(self.state, caller, endpoint["name"], headers, body)
        except Fault as fault:
            return invocations.error_response(fault)

    def respond(self, operation: str, body: bytes, caller: Caller) -> Response:
        """Answer one JSON request."""
        try:
            if operation.startswith(administration.TARGET_PREFIX):
                name = operation.removeprefix(administration.TARGET_PREFIX)
                answer = administration.respond(self.state, caller, name, body)
                return 200, _HEADERS.copy(), answer
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
