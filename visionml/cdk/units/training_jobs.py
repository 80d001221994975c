"""What the training machine asks SageMaker for: three jobs, as JSONata arguments."""

from dataclasses import dataclass, field
from typing import Any

from visionml.cdk.units.instances import has_local_storage
from visionml.cdk.units.states import template
from visionml.contracts import layout
from visionml.contracts.settings import TrainingSettings

FIELDS = {
    "run": "$request.run_id",
    "dataset": "$request.dataset",
    "version": "$request.dataset_version",
    "size": "$string($request.image_size)",
}
"""Placeholders of `layout`'s keys, as expressions on the machine's ``$request``."""

METRICS = ("train_loss", "validation_loss", "validation_accuracy")

_PROCESSING = "/opt/ml/processing"


@dataclass(frozen=True)
class JobArguments:
    """Everything that a run's three jobs have in common."""

    image: str
    role_arn: str
    datasets_bucket: str
    models_bucket: str
    images_key: str
    models_key: str
    """ARNs of the keys that encrypt what the jobs write."""
    training: TrainingSettings
    tags: dict[str, str]
    vpc_config: dict[str, list[str]] | None = None
    _network: dict[str, Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        network: dict[str, Any] = {
            "EnableNetworkIsolation": True,
            "EnableInterContainerTrafficEncryption": True,
        }
        if self.vpc_config:
            network["VpcConfig"] = self.vpc_config
        object.__setattr__(self, "_network", network)

    def prepare(self) -> dict[str, Any]:
        """Cut a dataset version's images to size, in shards for each split."""
        manifests = layout.manifest_folder("{dataset}", "{version}")
        return self._processing(
            "prepare",
            arguments=["--image-size", f"{{% {FIELDS['size']} %}}"],
            instances=self.training.instance_count,
            inputs=[
                _input(
                    "images",
                    self._uri(self.datasets_bucket, f"{manifests}{layout.OBJECTS}"),
                    f"{_PROCESSING}/input/images",
                    S3DataType="ManifestFile",
                    S3DataDistributionType="ShardedByS3Key",
                ),
                _input(
                    "manifest",
                    self._uri(self.datasets_bucket, manifests),
                    f"{_PROCESSING}/input/manifest",
                ),
            ],
            output=_output(
                "prepared", self._uri(self.datasets_bucket, _PREPARED), f"{_PROCESSING}/output"
            ),
            key=self.images_key,
        )

    def evaluate(self) -> dict[str, Any]:
        """Measure the trained model on the holdout, with a threshold chosen on validation."""
        return self._processing(
            "evaluate",
            arguments=["--answered-accuracy", str(self.training.answered_accuracy)],
            instances=1,
            inputs=[
                _input("model", self.artefact(), f"{_PROCESSING}/model"),
                *(
                    _input(
                        split,
                        self._uri(self.datasets_bucket, f"{_PREPARED}{split}/"),
                        f"{_PROCESSING}/{split}",
                    )
                    for split in ("holdout", "validation")
                ),
            ],
            output=_output(
                "evaluation",
                self._uri(self.models_bucket, layout.run_evaluation("{run}")),
                f"{_PROCESSING}/evaluation",
            ),
            key=self.models_key,
        )

    def train(self) -> dict[str, Any]:
        """Train on the prepared shards, leaving the artefact and checkpoints with the models."""
        training = self.training
        stopping = {"MaxRuntimeInSeconds": training.max_runtime_seconds}
        if training.spot:
            stopping["MaxWaitTimeInSeconds"] = 2 * training.max_runtime_seconds
        return {
            "TrainingJobName": template("{run}-train", FIELDS),
            "RoleArn": self.role_arn,
            "AlgorithmSpecification": {
                "TrainingImage": self.image,
                "TrainingInputMode": "File",
                "MetricDefinitions": [
                    {"Name": name, "Regex": rf"\b{name}=([-+0-9.eE]+)"} for name in METRICS
                ],
            },
            "HyperParameters": _hyperparameters(),
            "InputDataConfig": [self._channel(split) for split in ("train", "validation")],
            "OutputDataConfig": {
                "S3OutputPath": self._uri(self.models_bucket, layout.run_output("{run}")),
                "KmsKeyId": self.models_key,
            },
            "CheckpointConfig": {
                "S3Uri": self._uri(self.models_bucket, layout.run_checkpoints("{run}")),
                "LocalPath": "/opt/ml/checkpoints",
            },
            "ResourceConfig": self._machines(training.instance_count),
            "StoppingCondition": stopping,
            "EnableManagedSpotTraining": training.spot,
            "Tags": self._tags(),
            **self._network,
        }

    def artefact(self) -> str:
        """Where the training job leaves its model."""
        return self._uri(self.models_bucket, layout.run_artefact("{run}", "{run}-train"))

    def report(self) -> str:
        """Where the evaluation job leaves its report."""
        key = f"{layout.run_evaluation('{run}')}/{layout.EVALUATION_REPORT}"
        return self._uri(self.models_bucket, key)

    def _processing(
        self,
        command: str,
        *,
        arguments: list[str],
        instances: int,
        inputs: list[dict[str, Any]],
        output: dict[str, Any],
        key: str,
    ) -> dict[str, Any]:
        application = {
            "ImageUri": self.image,
            "ContainerEntrypoint": [command],
            "ContainerArguments": arguments,
        }
        return {
            "ProcessingJobName": template(f"{{run}}-{command}", FIELDS),
            "RoleArn": self.role_arn,
            "AppSpecification": application,
            "ProcessingInputs": inputs,
            "ProcessingOutputConfig": {"Outputs": [output], "KmsKeyId": key},
            "ProcessingResources": {"ClusterConfig": self._machines(instances)},
            "NetworkConfig": self._network,
            "StoppingCondition": {"MaxRuntimeInSeconds": self.training.max_runtime_seconds},
            "Tags": self._tags(),
        }

    def _machines(self, instances: int) -> dict[str, Any]:
        machines: dict[str, Any] = {
            "InstanceCount": instances,
            "InstanceType": self.training.instance_type,
            "VolumeSizeInGB": self.training.volume_gb,
        }
        if not has_local_storage(self.training.instance_type):
            machines["VolumeKmsKeyId"] = self.models_key
        return machines

    def _channel(self, split: str) -> dict[str, Any]:
        return {
            "ChannelName": split,
            "DataSource": {
                "S3DataSource": {
                    "S3DataType": "S3Prefix",
                    "S3Uri": self._uri(self.datasets_bucket, f"{_PREPARED}{split}/"),
                    "S3DataDistributionType": "FullyReplicated",
                }
            },
        }

    def _tags(self) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in self.tags.items()]

    @staticmethod
    def _uri(bucket: str, key: str) -> str:
        return template(f"s3://{bucket}/{key}", FIELDS)


_PREPARED = layout.prepared_folder("{dataset}", "{version}", "{size}")


def _hyperparameters() -> str:
    """Return the request's hyperparameters, with the fields that are facts of the run on top."""
    return (
        "{% $merge([$request.hyperparameters, {"
        "'architecture': $request.architecture, 'run_id': $request.run_id, "
        "'dataset': $request.dataset, 'dataset_version': $request.dataset_version, "
        "'image_size': $string($request.image_size)}]) %}"
    )


def _input(name: str, uri: str, path: str, **options: str) -> dict[str, Any]:
    source = {
        "S3Uri": uri,
        "LocalPath": path,
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
        "S3DataDistributionType": "FullyReplicated",
    }
    return {"InputName": name, "S3Input": {**source, **options}}


def _output(name: str, uri: str, path: str) -> dict[str, Any]:
    return {
        "OutputName": name,
        "S3Output": {"S3Uri": uri, "LocalPath": path, "S3UploadMode": "EndOfJob"},
    }
