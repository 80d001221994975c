"""What the batch machine asks of SageMaker Batch Transform: a model, a job, and the model's end."""

from dataclasses import dataclass
from typing import Any

from visionml.cdk.units.instances import has_local_storage
from visionml.cdk.units.states import TRANSIENT_SAGEMAKER, State, call, retry
from visionml.contracts.settings import BatchSettings

JOB_SECONDS = 86_400
_AT_ONCE = 4
_MAXIMUM_MB = 1
"""Of a record, which names images only."""
_JOB = "{% $work.transform.job %}"


@dataclass(frozen=True)
class Transform:
    """What jobs have in common: image, role, and where their images may lie."""

    image: str
    role_arn: str
    sources: tuple[str, ...]
    """``BUCKET/PREFIX`` each."""
    results_key: str
    volume_key: str
    """ARNs of the keys that encrypt answers and volumes."""
    settings: BatchSettings
    tags: dict[str, str]
    vpc_config: dict[str, list[str]] | None = None

    def create_model(self) -> State:
        """Make a model of the plan's artefact, whose container reads images by itself.

        So it has to do without network isolation, under a role that may read images alone.
        """
        model: dict[str, Any] = {
            "ModelName": _JOB,
            "ExecutionRoleArn": self.role_arn,
            "PrimaryContainer": {
                "Image": self.image,
                "ModelDataUrl": "{% $work.transform.artefact %}",
                "Environment": {"SERVE_S3_BUCKETS": ",".join(self.sources)},
            },
            "Tags": self._tags(),
        }
        if self.vpc_config:
            model["VpcConfig"] = self.vpc_config
        return call("sagemaker:createModel", model, 60)

    def run(self) -> State:
        """Send every record of the run to the model's container, and wait for the answers."""
        settings = self.settings
        machines: dict[str, Any] = {
            "InstanceType": settings.transform_instance_type,
            "InstanceCount": settings.transform_instances,
        }
        if not has_local_storage(settings.transform_instance_type):
            machines["VolumeKmsKeyId"] = self.volume_key
        source = {"S3DataType": "S3Prefix", "S3Uri": "{% $work.transform.inputs %}"}
        job = {
            "TransformJobName": _JOB,
            "ModelName": _JOB,
            "BatchStrategy": "SingleRecord",
            "MaxConcurrentTransforms": _AT_ONCE,
            "MaxPayloadInMB": _MAXIMUM_MB,
            "TransformInput": {
                "DataSource": {"S3DataSource": source},
                "ContentType": "application/json",
                "SplitType": "Line",
            },
            "TransformOutput": {
                "S3OutputPath": "{% $work.transform.outputs %}",
                "Accept": "application/json",
                "AssembleWith": "Line",
                "KmsKeyId": self.results_key,
            },
            "TransformResources": machines,
            "Tags": self._tags(),
        }
        return call("sagemaker:createTransformJob.sync", job, JOB_SECONDS)

    def delete_model(self) -> State:
        """Delete the model: each execution has one of its own."""
        return {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:sagemaker:deleteModel",
            "Arguments": {"ModelName": _JOB},
            "TimeoutSeconds": 60,
            "Retry": retry(TRANSIENT_SAGEMAKER),
        }

    def _tags(self) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in self.tags.items()]
