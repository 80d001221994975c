"""Which resources IAM is asked about for each operation."""

from collections.abc import Iterator

from visionml.local.batch.core import arn_of
from visionml.local.sagemaker.core import Document, Scope

_MEMBERS = {
    "CreateComputeEnvironment": ("compute-environment", "computeEnvironmentName"),
    "UpdateComputeEnvironment": ("compute-environment", "computeEnvironment"),
    "DeleteComputeEnvironment": ("compute-environment", "computeEnvironment"),
    "CreateJobQueue": ("job-queue", "jobQueueName"),
    "UpdateJobQueue": ("job-queue", "jobQueue"),
    "DeleteJobQueue": ("job-queue", "jobQueue"),
    "RegisterJobDefinition": ("job-definition", "jobDefinitionName"),
    "DeregisterJobDefinition": ("job-definition", "jobDefinition"),
    "SubmitJob": ("job-definition", "jobDefinition"),
    "GetJobQueueSnapshot": ("job-queue", "jobQueue"),
    "CancelJob": ("job", "jobId"),
    "TerminateJob": ("job", "jobId"),
}
_BULK = {"CancelJobs": "CancelJob", "TerminateJobs": "TerminateJob"}
_TAGGED = ("Create", "Register", "Submit")


def required(operation: str, request: Document, scope: Scope) -> Iterator[tuple[str, str]]:
    """Yield the (action, resource ARN) pairs that a request needs, as AWS asks for them."""
    arns = list(_resources(operation, request, scope))
    for arn in arns:
        yield f"batch:{_BULK.get(operation, operation)}", arn
    if request.get("tags") and operation.startswith(_TAGGED):
        yield (
            "batch:TagResource",
            arn_of(scope, "job", "*") if operation == "SubmitJob" else arns[0],
        )


def _resources(operation: str, request: Document, scope: Scope) -> Iterator[str]:
    if operation in _BULK:
        yield from (_arn(scope, "job", each) for each in request["jobs"])
    elif operation in _MEMBERS:
        kind, member = _MEMBERS[operation]
        yield _arn(scope, kind, request[member])
    elif "resourceArn" in request:
        yield request["resourceArn"]
    else:
        yield "*"
    if operation == "SubmitJob":
        yield _arn(scope, "job-queue", request["jobQueue"])
    for each in request.get("computeEnvironmentOrder", []):
        yield _arn(scope, "compute-environment", each["computeEnvironment"])


def _arn(scope: Scope, kind: str, name: str) -> str:
    return name if name.startswith("arn:") else arn_of(scope, kind, name)
