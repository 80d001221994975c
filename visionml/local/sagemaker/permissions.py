"""Which resources IAM is asked about for each operation."""

from collections.abc import Iterator

from visionml.local.sagemaker.core import Document, Scope

_NAMED = {
    "TrainingJob": ("training-job", "TrainingJobName"),
    "ProcessingJob": ("processing-job", "ProcessingJobName"),
    "TransformJob": ("transform-job", "TransformJobName"),
    "HyperParameterTuningJob": ("hyper-parameter-tuning-job", "HyperParameterTuningJobName"),
    "Model": ("model", "ModelName"),
    "EndpointConfig": ("endpoint-config", "EndpointConfigName"),
    "Endpoint": ("endpoint", "EndpointName"),
    "EndpointWeightsAndCapacities": ("endpoint", "EndpointName"),
    "ModelPackageGroup": ("model-package-group", "ModelPackageGroupName"),
}
_VERBS = ("Create", "Describe", "Stop", "Delete", "Update", "Invoke", "ListTrainingJobsFor")
_TAGGED_ON_CREATION = ("Create",)


def required(operation: str, request: Document, scope: Scope) -> Iterator[tuple[str, str]]:
    """Yield the (action, resource ARN) pairs that a request needs, as AWS asks for them."""
    arns = list(_resources(operation, request, scope))
    for arn in arns:
        yield f"sagemaker:{operation}", arn
    if request.get("Tags") and operation.startswith(_TAGGED_ON_CREATION):
        yield "sagemaker:AddTags", arns[0]


def _resources(operation: str, request: Document, scope: Scope) -> Iterator[str]:
    verb = next((verb for verb in _VERBS if operation.startswith(verb)), "")
    noun = operation.removeprefix(verb)
    if noun in _NAMED and verb:
        kind, member = _NAMED[noun]
        yield _arn(scope, kind, request[member])
    elif noun == "ModelPackage":
        yield from _package(request, scope)
    elif "ResourceArn" in request:
        yield request["ResourceArn"]
    else:
        yield "*"
    if noun == "Endpoint" and "EndpointConfigName" in request:
        yield scope.arn("endpoint-config", request["EndpointConfigName"])


def _package(request: Document, scope: Scope) -> Iterator[str]:
    group = request.get("ModelPackageGroupName")
    name = request.get("ModelPackageArn") or request.get("ModelPackageName")
    if group:
        bare = group.rsplit("/", 1)[-1]
        yield scope.arn("model-package", f"{bare}/*")
    else:
        yield _arn(scope, "model-package", name or "*")


def _arn(scope: Scope, kind: str, name: str) -> str:
    return name if name.startswith("arn:") else scope.arn(kind, name)
