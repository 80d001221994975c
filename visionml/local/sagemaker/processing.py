"""Processing jobs: a container between S3 inputs and outputs."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from visionml.local.containers import Launch
from visionml.local.sagemaker.cloud import Cloud
from visionml.local.sagemaker.core import Document, now
from visionml.local.sagemaker.jobs import (
    Job,
    JobFailed,
    JobStopped,
    LastLines,
    Workplace,
    command,
    exit_reason,
    hosts_of,
    message_in,
    resource_config,
    run_containers,
    write_json,
)
from visionml.local.sagemaker.objects import DataRefused, Location

ROOT = "/opt/ml/processing/"


@dataclass(eq=False)
class ProcessingJob(Job):
    """A processing job and where it stands."""

    kind = "processing-job"
    word = "Processing"

    @property
    def hosts(self) -> int:
        """The number of instances."""
        return int(self.request["ProcessingResources"]["ClusterConfig"].get("InstanceCount", 1))

    def work(self, cloud: Cloud, place: Workplace) -> None:
        """Download, process, upload."""
        app = self.request["AppSpecification"]
        image = cloud.image(app["ImageUri"], self.role)
        folders = [place.host(number) for number in range(1, self.hosts + 1)]
        self._lay_out(place, folders)
        names = hosts_of(self.hosts)
        launches = [
            Launch(
                command(image.entrypoint, app, default=image.command),
                folder,
                {**image.environment, **place.variables, **self._variables()},
                image.workdir,
                names,
            )
            for folder in folders
        ]
        self.check()
        self.learn(ProcessingStartTime=now())
        limit = self.request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 86400)
        lines = LastLines()
        try:
            code = run_containers(self, cloud, launches, seconds=limit, on_line=lines.read)
        except JobStopped as stopped:
            with contextlib.suppress(DataRefused):
                self._upload(place, folders)
            if stopped.overdue:
                raise JobFailed(
                    f"ClientError: Job ran for longer than MaxRuntimeInSeconds ({limit})."
                ) from stopped
            raise
        message = next(filter(None, (message_in(f / "output" / "message") for f in folders)), "")
        if message:
            self.learn(ExitMessage=message)
        if code:
            raise JobFailed(exit_reason(code, message or lines.message(), data="job"))
        self._upload(place, folders)

    def finish(self, status: str, *, reason: str = "", overdue: bool = False) -> None:
        """Record the end."""
        del overdue
        with self.lock:
            self.status = status
            self.learn(ProcessingEndTime=now())
            if reason:
                self.facts["FailureReason"] = reason

    def _lay_out(self, place: Workplace, folders: list[Path]) -> None:
        names = hosts_of(self.hosts)
        instance = self.request["ProcessingResources"]["ClusterConfig"].get("InstanceType", "")
        for host, folder in zip(names, folders, strict=True):
            for part in ("processing", "output"):
                (folder / part).mkdir(parents=True)
            config = folder / "config"
            write_json(config / "resourceconfig.json", resource_config(host, names, instance))
            write_json(config / "processingjobconfig.json", self._config())
            for output in self._outputs():
                inside(folder, output["S3Output"]["LocalPath"]).mkdir(parents=True, exist_ok=True)
        for given in self.request.get("ProcessingInputs", []):
            self.check()
            source = given["S3Input"]
            place.copy(source, [inside(folder, source["LocalPath"]) for folder in folders])

    def _outputs(self) -> list[Document]:
        return list(self.request.get("ProcessingOutputConfig", {}).get("Outputs", []))

    def _upload(self, place: Workplace, folders: list[Path]) -> None:
        key_id = self.request.get("ProcessingOutputConfig", {}).get("KmsKeyId")
        for output in self._outputs():
            target = Location.of(output["S3Output"]["S3Uri"])
            for folder in folders:
                local = inside(folder, output["S3Output"]["LocalPath"])
                place.objects.store(local, target, key_id=key_id)

    def _variables(self) -> dict[str, str]:
        return {"PROCESSING_JOB_NAME": self.name, "PROCESSING_JOB_ARN": self.arn,
                **self.request.get("Environment", {})}  # fmt: skip

    def _config(self) -> Document:
        return {
            "ProcessingJobArn": self.arn,
            "ProcessingJobName": self.name,
            "AppSpecification": self.request["AppSpecification"],
            "Environment": self.request.get("Environment", {}),
            "ProcessingInputs": self.request.get("ProcessingInputs", []),
            "ProcessingOutputConfig": self.request.get("ProcessingOutputConfig", {}),
            "ProcessingResources": self.request["ProcessingResources"],
            "RoleArn": self.request["RoleArn"],
            "StoppingCondition": self.request.get("StoppingCondition", {}),
        }


def inside(ml: Path, local_path: str) -> Path:
    """Return where a path below ``/opt/ml`` lies on a host's disk."""
    return ml / Path(local_path).relative_to("/opt/ml")
