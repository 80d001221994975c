"""SageMaker's high-level SDK, set up so that what Studio's users know works on this platform."""

import os
import time
from typing import TYPE_CHECKING, Any

import pandas as pd

from visionml.contracts import layout
from visionml.contracts.training import new_run_id
from visionml.desks import jobs
from visionml.desks.card import Card
from visionml.desks.platform import Platform
from visionml.desks.runs import TrainingRun
from visionml.errors import JobFailed, Unavailable

if TYPE_CHECKING:
    from sagemaker.train import ModelTrainer

_ENDED = ("Completed", "Failed", "Stopped")
_QUIET = {
    "SchemaVersion": "1.0",
    "SageMaker": {"PythonSDK": {"Modules": {"TelemetryOptOut": True}}},
}


class Studio:
    """Ad-hoc jobs through ``sagemaker``, the SDK that Studio's users write."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def trainer(
        self, like: TrainingRun, *, name: str = "adhoc", **hyperparameters: object
    ) -> "ModelTrainer":
        """Return a ``ModelTrainer`` with the image, role, data and keys of an earlier run.

        Its ``train()`` starts one job outside of the training machine: nothing judges it and
        nothing is registered. Further keywords are hyperparameters that differ from the run's.

        Notes
        -----
        The SDK is told what it would otherwise ask services for in ways that only an account
        answers: the role (it simulates IAM policies), the bucket (it asks STS at a fixed address)
        and that it shall send no telemetry.

        Raises
        ------
        NotFound
            The run has trained nothing.
        """
        # three seconds to import, and only needed here
        from sagemaker.core.helper.session_helper import Session  # noqa: PLC0415
        from sagemaker.train import ModelTrainer  # noqa: PLC0415

        os.environ.setdefault("SAGEMAKER_VALIDATE_ROLE", "false")
        platform = self._platform
        bucket, run_id = platform.bucket("models"), new_run_id()
        return ModelTrainer(
            sagemaker_session=Session(
                boto_session=platform.aws.boto_session(),
                default_bucket=bucket,
                default_bucket_prefix=layout.run_folder(run_id).rstrip("/"),
                sagemaker_config=_QUIET,
            ),
            base_job_name=name,
            **_settings(platform, like, run_id, hyperparameters),
        )

    def wait(self, trainer: "ModelTrainer", *, timeout_seconds: float = 24 * 3600) -> Card:
        """Wait until a trainer's job has ended and return what came of it.

        Raises
        ------
        JobFailed
            It failed or was stopped.
        Unavailable
            It has not ended in time; it goes on running.
        """
        name, deadline = self.latest_job(trainer), time.monotonic() + timeout_seconds
        while (job := jobs.described(self._platform, name))["TrainingJobStatus"] not in _ENDED:
            if time.monotonic() >= deadline:
                raise Unavailable(f"{name} has not ended; it goes on running.")
            time.sleep(self._platform.settings.serving.poll_seconds)
        if job["TrainingJobStatus"] != "Completed":
            raise JobFailed(f"{name} did not complete: {job.get('FailureReason') or 'stopped'}.")
        return Card(
            name,
            {
                "status": job["TrainingJobStatus"],
                "seconds billed": job.get("BillableTimeInSeconds"),
                "model": job["ModelArtifacts"]["S3ModelArtifacts"],
            },
        )

    def latest_job(self, trainer: "ModelTrainer") -> str:
        """Return the name of the job that a trainer has started last."""
        return str(trainer._latest_training_job.training_job_name)  # noqa: SLF001 - no public way

    def history(self, trainer: "ModelTrainer") -> pd.DataFrame:
        """Return the figures that a trainer's job logged, one row per epoch.

        Raises
        ------
        NotFound
            It has logged none.
        """
        return jobs.epochs(self._platform, self.latest_job(trainer))


def _settings(
    platform: Platform, like: TrainingRun, run_id: str, hyperparameters: dict[str, object]
) -> dict[str, Any]:
    """Return the platform's side of a training job, in the SDK's own records."""
    from sagemaker.train import configs  # noqa: PLC0415

    job = jobs.described(platform, like.job)
    machines, stopping = job["ResourceConfig"], job["StoppingCondition"]
    network = job.get("VpcConfig", {})
    return {
        "role": job["RoleArn"],
        "training_image": job["AlgorithmSpecification"]["TrainingImage"],
        "compute": configs.Compute(
            instance_type=machines["InstanceType"],
            instance_count=1,
            volume_size_in_gb=machines["VolumeSizeInGB"],
            volume_kms_key_id=machines.get("VolumeKmsKeyId"),
            enable_managed_spot_training=job.get("EnableManagedSpotTraining", False),
        ),
        "networking": configs.Networking(
            subnets=network.get("Subnets"),
            security_group_ids=network.get("SecurityGroupIds"),
            enable_network_isolation=job.get("EnableNetworkIsolation", False),
            enable_inter_container_traffic_encryption=job.get(
                "EnableInterContainerTrafficEncryption", False
            ),
        ),
        "stopping_condition": configs.StoppingCondition(
            max_runtime_in_seconds=stopping["MaxRuntimeInSeconds"],
            max_wait_time_in_seconds=stopping.get("MaxWaitTimeInSeconds"),
        ),
        "output_data_config": configs.OutputDataConfig(
            s3_output_path=platform.address("models", layout.run_output(run_id)),
            kms_key_id=job["OutputDataConfig"].get("KmsKeyId"),
        ),
        "input_data_config": [
            configs.InputData(
                channel_name=channel["ChannelName"],
                data_source=channel["DataSource"]["S3DataSource"]["S3Uri"],
            )
            for channel in job["InputDataConfig"]
        ],
        "hyperparameters": {**job["HyperParameters"], **_strings(hyperparameters, run_id)},
    }


def _strings(hyperparameters: dict[str, object], run_id: str) -> dict[str, str]:
    return {**{name: str(value) for name, value in hyperparameters.items()}, "run_id": run_id}
