"""What the training machine asks SageMaker for: four jobs, as JSONata arguments."""

from dataclasses import dataclass, field
from typing import Any

from visionml.cdk.units.instances import has_local_storage
from visionml.cdk.units.states import expression, template
from visionml.contracts import layout
from visionml.contracts.settings import TrainingSettings
from visionml.contracts.training import METRICS

FIELDS = {
    "run": "$request.run_id",
    "dataset": "$request.dataset",
    "version": "$request.dataset_version",
    "size": "$plan.hyperparameters.image_size",
    "prepared": "$plan.prepared_s3_uri",
}
"""Placeholders of S3 addresses, as expressions on the machine's variables."""

_PROCESSING = "/opt/ml/processing"


@dataclass(frozen=True)
class JobArguments:
    """Everything that a run's jobs have in common."""

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
            output=_output("prepared", "{% $plan.prepared_s3_uri %}", f"{_PROCESSING}/output"),
            key=self.images_key,
        )

    def evaluate(self) -> dict[str, Any]:
        """Measure the best model on the holdout, beside the model in production if there is one.

        The threshold is chosen on validation.
        """
        always = [
            _input("model", "{% $chosen.candidate.artefact_s3_uri %}", f"{_PROCESSING}/model"),
            *(
                _input(split, template(f"{{prepared}}{split}/", FIELDS), f"{_PROCESSING}/{split}")
                for split in ("holdout", "validation")
            ),
        ]
        champion = _input(
            "champion", "{% $chosen.champion.artefact_s3_uri %}", f"{_PROCESSING}/champion"
        )
        also = f"$chosen.champion ? {expression([champion])} : []"
        return self._processing(
            "evaluate",
            arguments=["--answered-accuracy", str(self.training.answered_accuracy)],
            instances=1,
            inputs=f"{{% $append({expression(always)}, {also}) %}}",
            output=_output(
                "evaluation",
                self._uri(self.models_bucket, layout.run_evaluation("{run}")),
                f"{_PROCESSING}/evaluation",
            ),
            key=self.models_key,
        )

    def train(self) -> dict[str, Any]:
        """Train on the prepared shards, with the hyperparameters that tuning found on top."""
        return {
            "TrainingJobName": "{% $plan.train.job %}",
            "HyperParameters": "{% $merge([$plan.hyperparameters, $tuned]) %}",
            "CheckpointConfig": {
                "S3Uri": self._uri(self.models_bucket, layout.run_checkpoints("{run}")),
                "LocalPath": "/opt/ml/checkpoints",
            },
            "Tags": self._tags(),
            **self._training(),
        }

    def tune(self) -> dict[str, Any]:
        """Train many times, each with hyperparameters that the tuning chooses.

        These jobs write no checkpoints: one that is interrupted starts over, and none meets
        another one's.
        """
        return {
            "HyperParameterTuningJobName": "{% $plan.tune.job %}",
            "HyperParameterTuningJobConfig": "{% $plan.tuning %}",
            "TrainingJobDefinition": {
                "StaticHyperParameters": "{% $plan.tuning_hyperparameters %}",
                **self._training(),
            },
            "Tags": self._tags(),
        }

    def _training(self) -> dict[str, Any]:
        """Return what a training job and the jobs of a tuning have in common."""
        training = self.training
        stopping = {"MaxRuntimeInSeconds": training.max_runtime_seconds}
        if training.spot:
            stopping["MaxWaitTimeInSeconds"] = 2 * training.max_runtime_seconds
        return {
            "RoleArn": self.role_arn,
            "AlgorithmSpecification": {
                "TrainingImage": self.image,
                "TrainingInputMode": "File",
                "MetricDefinitions": [
                    {"Name": name, "Regex": rf"\b{name}=([-+0-9.eE]+)"} for name in METRICS
                ],
            },
            "InputDataConfig": [_channel(split) for split in ("train", "validation")],
            "OutputDataConfig": {
                "S3OutputPath": self._uri(self.models_bucket, layout.run_output("{run}")),
                "KmsKeyId": self.models_key,
            },
            "ResourceConfig": self._machines(training.instance_count),
            "StoppingCondition": stopping,
            "EnableManagedSpotTraining": training.spot,
            **self._network,
        }

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
        inputs: list[dict[str, Any]] | str,
        output: dict[str, Any],
        key: str,
    ) -> dict[str, Any]:
        application = {
            "ImageUri": self.image,
            "ContainerEntrypoint": [command],
            "ContainerArguments": arguments,
        }
        return {
            "ProcessingJobName": f"{{% $plan.{command}.job %}}",
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

    def _tags(self) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in self.tags.items()]

    @staticmethod
    def _uri(bucket: str, key: str) -> str:
        return template(f"s3://{bucket}/{key}", FIELDS)


def _channel(split: str) -> dict[str, Any]:
    return {
        "ChannelName": split,
        "DataSource": {
            "S3DataSource": {
                "S3DataType": "S3Prefix",
                "S3Uri": template(f"{{prepared}}{split}/", FIELDS),
                "S3DataDistributionType": "FullyReplicated",
            }
        },
    }


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
