"""What training and processing jobs share: containers on several hosts, time limits, stopping."""

import errno
import json
import shutil
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from visionml.local.containers import KILLED, Container, Launch
from visionml.local.sagemaker import wire
from visionml.local.sagemaker.cloud import Cloud, epoch_seconds
from visionml.local.sagemaker.core import Document, Record
from visionml.local.sagemaker.faults import Fault
from visionml.local.sagemaker.objects import DataRefused, Item, Objects, shard

STOP_GRACE_SECONDS = 120
_TICK_SECONDS = 0.02
_DISK_FULL = "No space left on device"
REASON_CHARACTERS = 1024


class JobFailed(Exception):
    """A job cannot go on; the text is its ``FailureReason``."""


class JobInterrupted(Exception):
    """The job's spot instances were taken away."""


@dataclass(frozen=True)
class Interruption:
    """That a job's spot instances are about to be taken away."""

    grace_seconds: float = STOP_GRACE_SECONDS
    """From SIGTERM to SIGKILL."""
    wait_seconds: float = 0.0
    """How long there are no others."""


class JobStopped(Exception):
    """Somebody stopped the job, or its time was over (`overdue`)."""

    def __init__(self, *, overdue: bool = False) -> None:
        super().__init__()
        self.overdue = overdue


@dataclass(eq=False)
class Job(Record, ABC):
    """A job that runs in a thread of its own until it is completed, failed or stopped."""

    status: str = "InProgress"
    stopping: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    kind = ""
    """``training-job`` and the like: the kind in the ARN."""
    word = ""
    """``Training`` and the like: how members of the description are called."""

    @property
    def event(self) -> str:
        """The type of the events that tell its state."""
        return f"SageMaker {self.word} Job State Change"

    @property
    def role(self) -> str:
        """The role that the job works as."""
        return str(self.request["RoleArn"])

    def described(self) -> Document:
        """Return the description, with the name, ARN and status that its kind has."""
        with self.lock:
            return {
                **super().described(),
                f"{self.word}JobName": self.name,
                f"{self.word}JobArn": self.arn,
                f"{self.word}JobStatus": self.status,
            }

    def prepare(self) -> None:
        """Record the first phase, before the job is seen by anybody."""

    def start(self, cloud: Cloud) -> None:
        """Run the job in the background."""
        cloud.run(self.scope, lambda: self._run(cloud), name=f"{self.kind}-{self.name}")

    def stop(self) -> None:
        """Ask the job to stop; it ends within `STOP_GRACE_SECONDS`."""
        with self.lock:
            if self.status == "InProgress":
                self.status = "Stopping"
        self.stopping.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the end of the job; tell whether it has ended."""
        return self.ended.wait(seconds)

    def check(self) -> None:
        """Raise `JobStopped` when somebody has stopped the job."""
        if self.stopping.is_set():
            raise JobStopped

    def _run(self, cloud: Cloud) -> None:
        disk = cloud.folder / self.kind / self.name
        session = cloud.session(self.role, f"SageMaker-{self.name}")
        objects = Objects(session, self.role)
        self.announce(cloud)
        try:
            shutil.rmtree(disk, ignore_errors=True)
            disk.mkdir(parents=True)
            self.work(cloud, Workplace(disk, objects, cloud.variables(session, self.scope.region)))
            self.finish("Completed")
        except JobStopped as stopped:
            self.finish("Stopped", overdue=stopped.overdue)
        except (JobFailed, DataRefused, Fault) as failed:
            self.finish("Failed", reason=_reason(failed))
        except OSError as error:
            self.finish("Failed", reason=_disk_reason(error))
        except Exception as error:  # noqa: BLE001  (a job must end, whatever happens)
            self.finish("Failed", reason=f"InternalServerError: {type(error).__name__}: {error}")
        finally:
            shutil.rmtree(disk, ignore_errors=True)
            self.announce(cloud)
            self.ended.set()

    @abstractmethod
    def work(self, cloud: Cloud, place: "Workplace") -> None:
        """Do the job; raise `JobFailed`, `JobStopped` or `DataRefused` where it ends early."""

    @abstractmethod
    def finish(self, status: str, *, reason: str = "", overdue: bool = False) -> None:
        """Record how the job ended."""

    def announce(self, cloud: Cloud) -> None:
        """Tell EventBridge the job's state."""
        describe = f"Describe{self.word}Job"
        detail = wire.output(describe, self.described(), wire.milliseconds)
        cloud.announce(self.scope, self.event, detail, [self.arn])

    def log_group(self) -> str:
        """Return the log group of jobs of this kind."""
        return f"/aws/sagemaker/{self.word}Jobs"


@dataclass(frozen=True)
class Workplace:
    """A job's disk, its view of S3 and what its containers need to call AWS."""

    disk: Path
    objects: Objects
    variables: dict[str, str]

    def host(self, number: int) -> Path:
        """Return the folder that the host of a number, from 1, sees as ``/opt/ml``."""
        folder = self.disk / f"algo-{number}" / "ml"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def clear(self) -> None:
        """Empty the disk, as that of a new instance."""
        shutil.rmtree(self.disk)
        self.disk.mkdir()

    def copy(self, source: Document, folders: Sequence[Path]) -> None:
        """Bring an S3 data source to the folder of each host, whole or sharded."""
        items = self.items(source)
        sharded = source.get("S3DataDistributionType") == "ShardedByS3Key"
        first, *others = folders
        if sharded:
            for number, folder in enumerate(folders):
                folder.mkdir(parents=True, exist_ok=True)
                self.objects.fetch(shard(items, host=number, hosts=len(folders)), folder)
            return
        first.mkdir(parents=True, exist_ok=True)
        self.objects.fetch(items, first)
        for folder in others:
            shutil.copytree(first, folder, dirs_exist_ok=True)

    def items(self, source: Document) -> list[Item]:
        """Return the objects of an S3 data source."""
        if source["S3DataType"] == "ManifestFile":
            return self.objects.in_manifest(source["S3Uri"])
        return self.objects.under(source["S3Uri"])


def hosts_of(count: int) -> list[str]:
    """Return the host names of a cluster, as SageMaker gives them."""
    return [f"algo-{number}" for number in range(1, count + 1)]


def resource_config(host: str, names: Sequence[str], instance_type: str) -> Document:
    """Return ``resourceconfig.json`` of one host."""
    group = "homogeneousCluster"
    return {
        "current_host": host,
        "current_instance_type": instance_type,
        "current_group_name": group,
        "hosts": list(names),
        "instance_groups": [
            {"instance_group_name": group, "instance_type": instance_type, "hosts": list(names)}
        ],
        "network_interface_name": "lo",
    }


def write_json(path: Path, value: Any) -> None:
    """Write a configuration file of the container contract."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def run_containers(
    job: Job,
    cloud: Cloud,
    launches: Sequence[Launch],
    *,
    seconds: float,
    on_line: Callable[[str], None] = lambda _line: None,
    every: Callable[[], None] = lambda: None,
    interruption: Callable[[], Interruption | None] = lambda: None,
) -> int:
    """Run one container per host; return the exit code of the first that fails, else 0.

    `every` is called about every second meanwhile. When one host fails, the others are stopped.

    Raises
    ------
    JobStopped
        The job was stopped, or ran for longer than `seconds`.
    JobInterrupted
        `interruption` gave one.
    """
    running: list[Container] = []
    started = epoch_seconds()
    try:
        for number, launch in enumerate(launches, start=1):
            stream = f"{job.name}/algo-{number}-{started}"
            log = cloud.log(job.scope, job.role, job.log_group(), stream)
            running.append(cloud.runtime.start(launch, _both(log, on_line)))
        deadline = time.monotonic() + seconds
        return _supervised(job, running, deadline=deadline, every=every, interruption=interruption)
    finally:
        for container in running:
            container.kill()
        for container in running:
            container.wait(10)


def _both(log: Callable[[str], None], other: Callable[[str], None]) -> Callable[[str], None]:
    def write(line: str) -> None:
        log(line)
        other(line)

    return write


def _supervised(
    job: Job,
    running: Sequence[Container],
    *,
    deadline: float,
    every: Callable[[], None],
    interruption: Callable[[], Interruption | None],
) -> int:
    due = time.monotonic() + 1
    while not job.stopping.wait(_TICK_SECONDS):
        codes = [container.exit_code for container in running]
        failed = next((code for code in codes if code), None)
        if failed is not None or None not in codes:
            return failed or 0
        if time.monotonic() >= deadline:
            break
        taken = interruption()
        if taken is not None:
            _end(running, taken.grace_seconds)
            raise JobInterrupted
        if time.monotonic() >= due:
            every()
            due = time.monotonic() + 1
    overdue = not job.stopping.is_set()
    _end(running, STOP_GRACE_SECONDS)
    raise JobStopped(overdue=overdue)


def _end(running: Sequence[Container], grace_seconds: float) -> None:
    for container in running:
        container.terminate()
    limit = time.monotonic() + grace_seconds
    for container in running:
        if container.wait(max(0.0, limit - time.monotonic())) is None:
            container.kill()


class LastLines:
    """The end of a job's log, for what a container says but does not leave in a file."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=100)

    def read(self, line: str) -> None:
        """Take a line of the log."""
        self._lines.append(line)

    def message(self) -> str:
        """Return why the container has ended, where the log gives a reason away."""
        if any(_DISK_FULL in line for line in self._lines.copy()):
            return f"{_DISK_FULL}. Please use a larger VolumeSizeInGB, or write less to the disk"
        return ""


def exit_reason(code: int, message: str, *, data: str) -> str:
    """Return the ``FailureReason`` of a container that ended with a code and left a message."""
    if code == KILLED and not message:
        return (
            f"ClientError: Please use an instance type with more memory, or reduce the size of "
            f"{data} data processed on an instance., exit code: {code}"
        )
    text = message or "See job logs for more information"
    return f"AlgorithmError: {text[: REASON_CHARACTERS - 40]}, exit code: {code}"


def message_in(path: Path) -> str:
    """Return what a container left in its failure or message file, empty when nothing."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()[:REASON_CHARACTERS]
    except OSError:
        return ""


def command(entrypoint: Sequence[str], given: Document, *, default: Sequence[str]) -> list[str]:
    """Return a container's command: the request's, or the image's entry point and the default."""
    arguments = given.get("ContainerArguments")
    if given.get("ContainerEntrypoint"):
        return [*given["ContainerEntrypoint"], *(arguments or [])]
    return [*entrypoint, *(default if arguments is None else arguments)]


def _disk_reason(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return (
            f"ClientError: {_DISK_FULL}. Please use a larger VolumeSizeInGB, or free "
            f"space on the disk that holds {error.filename}."
        )
    return f"InternalServerError: {error}"


def _reason(failed: JobFailed | DataRefused | Fault) -> str:
    if isinstance(failed, JobFailed):
        return str(failed)[:REASON_CHARACTERS]
    text = failed.message if isinstance(failed, Fault) else str(failed)
    return f"ClientError: {text}"[:REASON_CHARACTERS]
