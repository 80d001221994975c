"""The operations on training and processing jobs."""

from collections.abc import Mapping
from typing import Any

from visionml.local.sagemaker.core import Caller, Document, Listing, Scope, Store, listed, tags_of
from visionml.local.sagemaker.faults import in_use, invalid, not_offered
from visionml.local.sagemaker.jobs import Job
from visionml.local.sagemaker.processing import ROOT, ProcessingJob
from visionml.local.sagemaker.progress import expressions
from visionml.local.sagemaker.state import State
from visionml.local.sagemaker.training import TrainingJob

_TRAINING = Listing("TrainingJobSummaries", "TrainingJobName", "TrainingJobStatus")
_PROCESSING = Listing("ProcessingJobSummaries", "ProcessingJobName", "ProcessingJobStatus")


def create_training_job(state: State, caller: Caller, request: Document) -> Document:
    """CreateTrainingJob."""
    check_training(request)
    state.cloud.lend_role(caller, request["RoleArn"])
    state.cloud.image(request["AlgorithmSpecification"]["TrainingImage"], request["RoleArn"])
    job = TrainingJob(**identity(TrainingJob, caller.scope, request["TrainingJobName"], request))
    begin(state, state.training, job)
    return {"TrainingJobArn": job.arn}


def check_training(request: Document) -> None:
    """Check what a training job is to do, from a request or a tuning job's definition.

    Raises
    ------
    Fault
        It contradicts itself, or needs what is not offered.
    """
    specification = request["AlgorithmSpecification"]
    resources = request.get("ResourceConfig")
    if resources is None or request.get("StoppingCondition") is None:
        raise invalid("ResourceConfig and StoppingCondition are required for a training job.")
    if "TrainingImage" not in specification:
        raise not_offered("training without AlgorithmSpecification.TrainingImage")
    _offered_training(request)
    _count(resources.get("InstanceCount", 0), resources.get("InstanceType"))
    expressions(specification.get("MetricDefinitions", []))
    for channel in request.get("InputDataConfig", []):
        _offered_channel(channel)
    names = [channel["ChannelName"] for channel in request.get("InputDataConfig", [])]
    if len(names) != len(set(names)):
        raise invalid("Channel names must be unique within a training job.")
    _spot(request)


def create_processing_job(state: State, caller: Caller, request: Document) -> Document:
    """CreateProcessingJob."""
    cluster = request["ProcessingResources"]["ClusterConfig"]
    _count(cluster.get("InstanceCount", 0), cluster.get("InstanceType"))
    for given in request.get("ProcessingInputs", []):
        _offered_input(given)
    for output in request.get("ProcessingOutputConfig", {}).get("Outputs", []):
        _offered_output(output)
    state.cloud.lend_role(caller, request["RoleArn"])
    state.cloud.image(request["AppSpecification"]["ImageUri"], request["RoleArn"])
    name = request["ProcessingJobName"]
    job = ProcessingJob(**identity(ProcessingJob, caller.scope, name, request))
    begin(state, state.processing, job)
    return {"ProcessingJobArn": job.arn}


def describe_training_job(state: State, caller: Caller, request: Document) -> Document:
    """DescribeTrainingJob."""
    return job_of(state.training, caller.scope, request["TrainingJobName"]).described()


def describe_processing_job(state: State, caller: Caller, request: Document) -> Document:
    """DescribeProcessingJob."""
    return job_of(state.processing, caller.scope, request["ProcessingJobName"]).described()


def list_training_jobs(state: State, caller: Caller, request: Document) -> Document:
    """ListTrainingJobs."""
    return _TRAINING.page(request, listed(state.training.of(caller.scope)))


def list_processing_jobs(state: State, caller: Caller, request: Document) -> Document:
    """ListProcessingJobs."""
    return _PROCESSING.page(request, listed(state.processing.of(caller.scope)))


def stop_training_job(state: State, caller: Caller, request: Document) -> Document:
    """StopTrainingJob."""
    return stop(job_of(state.training, caller.scope, request["TrainingJobName"]))


def stop_processing_job(state: State, caller: Caller, request: Document) -> Document:
    """StopProcessingJob."""
    return stop(job_of(state.processing, caller.scope, request["ProcessingJobName"]))


def identity(kind: type[Job], scope: Scope, name: str, request: Document) -> dict[str, Any]:
    """Return what every job is made from."""
    return {
        "scope": scope,
        "name": name,
        "arn": scope.arn(kind.kind, name),
        "request": request,
        "tags": tags_of(request),
    }


def begin(state: State, store: Store[Any], job: Job) -> None:
    """Keep a job and start it, unless its name is taken."""
    job.prepare()
    if not store.add(job):
        word = job.word
        raise in_use(
            f"{word} job names must be unique within an AWS account and region, and a "
            f"{word.lower()} job with this name already exists ({job.arn})"
        )
    job.start(state.cloud)


def job_of(store: Store[Any], scope: Scope, name: str) -> Job:
    """Return a job, or refuse the request that names it."""
    job: Job | None = store.get(scope, name)
    if job is None:
        raise invalid("Requested resource not found.")
    return job


def stop(job: Job) -> Document:
    """Stop a job that has not ended."""
    if job.ended.is_set():
        raise invalid(
            f"The request was rejected because the {job.word.lower()} job is in status "
            f"{job.status}."
        )
    job.stop()
    return {}


def _count(count: int, instance_type: str | None) -> None:
    if count < 1 or instance_type is None:
        raise invalid("InstanceCount must be at least 1 and InstanceType must be given.")


def refuse(members: Mapping[str, Any], names: Mapping[str, str]) -> None:
    """Refuse members that are not offered; `names` has the words for each."""
    for name, words in names.items():
        if members.get(name):
            raise not_offered(words)


def _offered_training(request: Document) -> None:
    refuse(
        request,
        {
            "ServerlessJobConfig": "serverless training (ServerlessJobConfig)",
            "DebugRuleConfigurations": "Debugger rules (DebugRuleConfigurations)",
            "ProfilerRuleConfigurations": "Profiler rules (ProfilerRuleConfigurations)",
        },
    )
    refuse(request["ResourceConfig"], {"InstanceGroups": "heterogeneous clusters (InstanceGroups)"})
    if request["AlgorithmSpecification"]["TrainingInputMode"] == "Pipe":
        raise not_offered("the input mode Pipe; use File or FastFile")


def _offered_channel(channel: Document) -> None:
    source = channel["DataSource"].get("S3DataSource")
    if source is None:
        raise not_offered("data sources other than S3DataSource")
    if source["S3DataType"] not in ("S3Prefix", "ManifestFile"):
        raise not_offered(f"the S3DataType {source['S3DataType']}")
    if channel.get("InputMode") == "Pipe":
        raise not_offered("the input mode Pipe; use File or FastFile")
    if channel.get("CompressionType") == "Gzip":
        raise not_offered("channels with CompressionType Gzip")


def _offered_input(given: Document) -> None:
    source = given.get("S3Input")
    if source is None:
        raise not_offered("processing inputs other than S3Input")
    if source.get("S3InputMode", "File") != "File":
        raise not_offered("the S3InputMode Pipe; use File")
    if source.get("S3CompressionType", "None") != "None":
        raise not_offered("processing inputs with S3CompressionType Gzip")
    _below_root(source.get("LocalPath"), given["InputName"])


def _offered_output(output: Document) -> None:
    target = output.get("S3Output")
    if target is None:
        raise not_offered("processing outputs other than S3Output")
    if target["S3UploadMode"] != "EndOfJob":
        raise not_offered("the S3UploadMode Continuous; use EndOfJob")
    _below_root(target.get("LocalPath"), output["OutputName"])


def _below_root(path: str | None, name: str) -> None:
    if path is None or not f"{path}/".startswith(ROOT) or ".." in path.split("/"):
        raise invalid(f"LocalPath of {name} must be an absolute path that begins with {ROOT}")


def _spot(request: Document) -> None:
    waiting = request["StoppingCondition"].get("MaxWaitTimeInSeconds")
    running = request["StoppingCondition"].get("MaxRuntimeInSeconds", 86400)
    if not request.get("EnableManagedSpotTraining"):
        if waiting is not None:
            raise invalid(
                "MaxWaitTimeInSeconds must not be set if EnableManagedSpotTraining is false."
            )
    elif waiting is None or waiting < running:
        raise invalid(
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to "
            "MaxRuntimeInSeconds"
        )
