"""The operations on transform jobs."""

from visionml.local.sagemaker import json_path
from visionml.local.sagemaker.core import Caller, Document, Listing, listed
from visionml.local.sagemaker.faults import invalid, not_offered
from visionml.local.sagemaker.hosting_operations import found
from visionml.local.sagemaker.instance import MULTI_MODEL
from visionml.local.sagemaker.job_operations import begin, identity, job_of, refuse, stop
from visionml.local.sagemaker.state import State
from visionml.local.sagemaker.transform import TransformJob
from visionml.local.sagemaker.transform_records import JSON_TYPES, Processing
from visionml.local.sagemaker.transform_share import DEFAULT_MEGABYTES

_JOBS = Listing("TransformJobSummaries", "TransformJobName", "TransformJobStatus", descending=True)
_MOST_MEGABYTES = 100


def create_transform_job(state: State, caller: Caller, request: Document) -> Document:
    """CreateTransformJob; the model's role works, so none is passed here."""
    _offered(request)
    _check_payload(request)
    _check_processing(request)
    name = request["ModelName"]
    arn = caller.scope.arn("model", name)
    model = found(state.models.get(caller.scope, name), "model", arn).request
    if model["PrimaryContainer"].get("Mode") == MULTI_MODEL:
        raise invalid("A transform job cannot use a model whose container has Mode MultiModel.")
    state.cloud.image(model["PrimaryContainer"]["Image"], model["ExecutionRoleArn"])
    made = identity(TransformJob, caller.scope, request["TransformJobName"], request)
    job = TransformJob(**made, model=model)
    begin(state, state.transform, job)
    return {"TransformJobArn": job.arn}


def describe_transform_job(state: State, caller: Caller, request: Document) -> Document:
    """DescribeTransformJob."""
    return job_of(state.transform, caller.scope, request["TransformJobName"]).described()


def list_transform_jobs(state: State, caller: Caller, request: Document) -> Document:
    """ListTransformJobs."""
    return _JOBS.page(request, listed(state.transform.of(caller.scope)))


def stop_transform_job(state: State, caller: Caller, request: Document) -> Document:
    """StopTransformJob."""
    return stop(job_of(state.transform, caller.scope, request["TransformJobName"]))


def _offered(request: Document) -> None:
    refuse(request, {"DataCaptureConfig": "transform jobs with data capture (DataCaptureConfig)"})
    given = request["TransformInput"]
    kind = given["DataSource"]["S3DataSource"]["S3DataType"]
    if kind not in ("S3Prefix", "ManifestFile"):
        raise not_offered(f"the S3DataType {kind}")
    if given.get("SplitType", "None") not in ("None", "Line"):
        raise not_offered(f"the SplitType {given['SplitType']}; use Line or None")


def _check_payload(request: Document) -> None:
    megabytes = request.get("MaxPayloadInMB", DEFAULT_MEGABYTES)
    together = megabytes * request.get("MaxConcurrentTransforms", 1)
    if max(megabytes, together) > _MOST_MEGABYTES:
        raise invalid(
            f"MaxPayloadInMB, and its product with MaxConcurrentTransforms, must be at most "
            f"{_MOST_MEGABYTES}."
        )


def _check_processing(request: Document) -> None:
    try:
        processing = Processing.of(request)
    except json_path.BadPath as path:
        raise invalid(f"{path} is not a supported JSONPath expression.") from path
    if not processing.active:
        return
    given = request["TransformInput"]
    kind = given.get("ContentType", "").partition(";")[0].strip()
    if kind == "text/csv":
        raise not_offered("DataProcessing of CSV; use JSON lines")
    if kind not in JSON_TYPES:
        raise invalid("DataProcessing needs a ContentType of JSON, JSON lines or CSV.")
    assembled = request["TransformOutput"].get("AssembleWith", "None")
    if processing.join and assembled != given.get("SplitType", "None"):
        raise invalid("AssembleWith must be the same as SplitType when JoinSource is Input.")
