"""Training jobs: a container that leaves a model."""

import contextlib
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path

from visionml.local.containers import Launch
from visionml.local.sagemaker.checkpoints import Checkpoints
from visionml.local.sagemaker.cloud import Cloud
from visionml.local.sagemaker.core import Document, now
from visionml.local.sagemaker.jobs import (
    Interruption,
    Job,
    JobFailed,
    JobInterrupted,
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
from visionml.local.sagemaker.progress import Progress, Value, expressions
from visionml.local.sagemaker.spot import Allowance, billed

NAMESPACE = "/aws/sagemaker/TrainingJobs"
_MESSAGES = {
    "Starting": "Preparing the instances for training",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Interrupted": "Interrupted: the spot instances were taken away",
    "Uploading": "Uploading generated training model",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopping": "Stopping the training job",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Resource released due to max runtime limit",
    "MaxWaitTimeExceeded": "Resource released due to max wait time limit",
}


@dataclass(eq=False)
class TrainingJob(Job):
    """A training job and where it stands."""

    interruption: Interruption | None = None
    """Set when the job's spot instances are to be taken away."""
    progress: Progress | None = None
    excess: str = ""
    """Which limit of time it has reached."""

    kind = "training-job"
    word = "Training"

    @property
    def spot(self) -> bool:
        """Whether it runs on spot instances."""
        return bool(self.request.get("EnableManagedSpotTraining"))

    @property
    def hosts(self) -> int:
        """The number of instances."""
        return int(self.request["ResourceConfig"].get("InstanceCount", 1))

    @property
    def results(self) -> Location:
        """The prefix that the job writes to."""
        path = Location.of(self.request["OutputDataConfig"]["S3OutputPath"])
        return path.below(self.name, "output")

    def work(self, cloud: Cloud, place: Workplace) -> None:
        """Download, train, upload; download and train again when spot instances are taken away."""
        self.progress = self._progress(cloud)
        allowance = Allowance.of(self.request["StoppingCondition"])
        while not self._attempt(cloud, place, allowance):
            self._await_instances(cloud, place, allowance)
        self._enter("Uploading", cloud)
        self._upload(place, place.host(1))

    def values(self, metric: str) -> list[float]:
        """Return the values of a metric so far, in order."""
        return self.progress.of(metric) if self.progress else []

    def stop(self) -> None:
        """Ask the job to stop; what its model folder holds then is still uploaded."""
        super().stop()
        with self.lock:
            if self.status == "Stopping" and self.facts["SecondaryStatus"] != "Stopping":
                self._transition("Stopping")

    def finish(self, status: str, *, reason: str = "", overdue: bool = False) -> None:
        """Record the end, in the status and in its transitions."""
        with self.lock:
            self._transition(self.excess if overdue else status, ended=True)
            self.status = status
            self.learn(TrainingEndTime=now())
            if reason:
                self.facts["FailureReason"] = reason

    def prepare(self) -> None:
        """Record the first phase, before the job is seen by anybody."""
        self._transition("Starting")

    def _enter(self, phase: str, cloud: Cloud) -> None:
        with self.lock:
            self.check()
            self._transition(phase)
        self.announce(cloud)

    def _attempt(self, cloud: Cloud, place: Workplace, allowance: Allowance) -> bool:
        """Train on new instances; return False when they were taken away."""
        folders = [place.host(number) for number in range(1, self.hosts + 1)]
        launches = self._launches(cloud, place, folders)
        self._enter("Downloading", cloud)
        self._lay_out(place, folders)
        config, lines = self.request.get("CheckpointConfig"), LastLines()
        checkpoints = [Checkpoints.of(config, place, folder) for folder in folders]
        self.check()
        self._enter("Training", cloud)
        try:
            code = self._train(cloud, launches, checkpoints, allowance, lines)
        except JobInterrupted:
            return False
        except JobStopped as stopped:
            if stopped.overdue:
                self.excess = allowance.excess
                self._transition("Stopping")
            with contextlib.suppress(DataRefused):
                self._upload(place, folders[0])
            raise
        if code:
            left = (message_in(folder / "output" / "failure") for folder in folders)
            reason = next(filter(None, left), "") or lines.message()
            raise JobFailed(exit_reason(code, reason, data="training"))
        return True

    def _await_instances(self, cloud: Cloud, place: Workplace, allowance: Allowance) -> None:
        """Wait for spot instances, as long as the job may wait."""
        with self.lock:
            taken, self.interruption = self.interruption or Interruption(), None
        place.clear()
        self._enter("Interrupted", cloud)
        self._enter("Starting", cloud)
        self.stopping.wait(max(0.0, min(taken.wait_seconds, allowance.waiting_left)))
        self.check()
        if allowance.left <= 0:
            self.excess = allowance.excess
            self._transition("Stopping")
            raise JobStopped(overdue=True)

    def _launches(self, cloud: Cloud, place: Workplace, folders: list[Path]) -> list[Launch]:
        specification = self.request["AlgorithmSpecification"]
        image = cloud.image(specification["TrainingImage"], self.role)
        names = hosts_of(self.hosts)
        return [
            Launch(
                command(image.entrypoint, specification, default=["train"]),
                folder,
                {**image.environment, **place.variables, **self._variables(host)},
                image.workdir,
                names,
            )
            for host, folder in zip(names, folders, strict=True)
        ]

    def _train(
        self,
        cloud: Cloud,
        launches: list[Launch],
        checkpoints: list[Checkpoints],
        allowance: Allowance,
        lines: LastLines,
    ) -> int:
        """Run the containers; keep time, metrics and checkpoints however they end."""

        def hear(line: str) -> None:
            lines.read(line)
            if self.progress:
                self.progress.read(line)

        def sync(settled: float = 1.0) -> None:
            for each in checkpoints:
                each.sync(settled=settled)

        self.learn(TrainingStartTime=self.facts.get("TrainingStartTime", now()))
        began = time.monotonic()
        try:
            return run_containers(
                self,
                cloud,
                launches,
                seconds=allowance.left,
                on_line=hear,
                every=sync,
                interruption=lambda: self.interruption,
            )
        finally:
            allowance.used_seconds += time.monotonic() - began
            self._account(allowance.used_seconds)
            sync(settled=0)

    def _transition(self, phase: str, *, ended: bool = False) -> None:
        moment = now()
        with self.lock:
            passed = [dict(each) for each in self.facts.get("SecondaryStatusTransitions", [])]
            if passed and "EndTime" not in passed[-1]:
                passed[-1]["EndTime"] = moment
            entry = {"Status": phase, "StartTime": moment, "StatusMessage": _MESSAGES[phase]}
            passed.append({**entry, "EndTime": moment} if ended else entry)
            self.learn(SecondaryStatus=phase, SecondaryStatusTransitions=passed)

    def _account(self, seconds: float) -> None:
        self.learn(
            TrainingTimeInSeconds=max(1, round(seconds)),
            BillableTimeInSeconds=billed(seconds, spot=self.spot),
            FinalMetricDataList=self.progress.final() if self.progress else [],
        )

    def _variables(self, host: str) -> dict[str, str]:
        return {
            "TRAINING_JOB_NAME": self.name,
            "TRAINING_JOB_ARN": self.arn,
            "SM_CURRENT_HOST": host,
            **self.request.get("Environment", {}),
        }

    def _progress(self, cloud: Cloud) -> Progress:
        def publish(value: Value) -> None:
            dimensions = [{"Name": "TrainingJobName", "Value": self.name}]
            cloud.metrics(
                self.scope,
                NAMESPACE,
                [
                    {
                        "MetricName": value.name,
                        "Dimensions": dimensions,
                        "Value": value.value,
                        "Timestamp": value.time.timestamp(),
                    }
                ],
            )

        measured = cloud.may_measure(self.role, NAMESPACE)
        definitions = self.request["AlgorithmSpecification"].get("MetricDefinitions", [])
        return Progress(expressions(definitions), publish if measured else lambda _value: None)

    def _lay_out(self, place: Workplace, folders: list[Path]) -> None:
        channels = self.request.get("InputDataConfig", [])
        names = hosts_of(self.hosts)
        instance = self.request["ResourceConfig"].get("InstanceType", "")
        for host, folder in zip(names, folders, strict=True):
            for part in ("model", "output/data", "checkpoints", "input/data"):
                (folder / part).mkdir(parents=True)
            config = folder / "input" / "config"
            write_json(config / "hyperparameters.json", self.request.get("HyperParameters", {}))
            write_json(config / "resourceconfig.json", resource_config(host, names, instance))
            write_json(config / "inputdataconfig.json", _channel_config(channels))
        for channel in channels:
            self.check()
            place.copy(
                channel["DataSource"]["S3DataSource"],
                [folder / "input" / "data" / channel["ChannelName"] for folder in folders],
            )

    def _upload(self, place: Workplace, folder: Path) -> None:
        key_id = self.request["OutputDataConfig"].get("KmsKeyId")
        for source, name, always in (
            (folder / "model", "model.tar.gz", True),
            (folder / "output" / "data", "output.tar.gz", False),
        ):
            if not always and not any(source.iterdir()):
                continue
            archive = place.disk / name
            with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
                for path in sorted(source.iterdir()):
                    tar.add(path, arcname=path.name)
            place.objects.put(archive, self.results.below(name), key_id=key_id)
        self.learn(ModelArtifacts={"S3ModelArtifacts": str(self.results.below("model.tar.gz"))})


def _channel_config(channels: list[Document]) -> Document:
    return {
        channel["ChannelName"]: {
            "ContentType": channel.get("ContentType", ""),
            "TrainingInputMode": "File",
            "S3DistributionType": channel["DataSource"]["S3DataSource"].get(
                "S3DataDistributionType", "FullyReplicated"
            ),
            "RecordWrapperType": channel.get("RecordWrapperType", "None"),
        }
        for channel in channels
    }
