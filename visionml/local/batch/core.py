"""What AWS Batch remembers: environments, queues, definitions, jobs."""

import re
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from visionml.local.batch.faults import client
from visionml.local.batch.placement import Ask
from visionml.local.batch.retries import Ending
from visionml.local.sagemaker.core import Document, Record, Scope, Store

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
"""What jobs, definitions, queues and environments may be called."""
STATUSES = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED")
ENDED = ("SUCCEEDED", "FAILED")
SPOT = ("SPOT", "FARGATE_SPOT")
FARGATE = ("FARGATE", "FARGATE_SPOT")


def arn_of(scope: Scope, kind: str, name: str) -> str:
    """Return an ARN of Batch."""
    return f"arn:aws:batch:{scope.region}:{scope.account}:{kind}/{name}"


def milliseconds() -> int:
    """Return the present time as Batch gives it."""
    return int(time.time() * 1000)


@dataclass(eq=False)
class Environment(Record):
    """A managed compute environment."""

    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    used: float = 0.0
    """The vCPUs of the jobs that run in it."""
    without_capacity_until: float = 0.0
    """By the monotonic clock: when spot instances can be had again."""

    @property
    def resources(self) -> Document:
        """``computeResources``."""
        found: Document = self.request["computeResources"]
        return found

    @property
    def kind(self) -> str:
        """``EC2``, ``SPOT``, ``FARGATE`` or ``FARGATE_SPOT``."""
        return str(self.resources["type"])

    @property
    def enabled(self) -> bool:
        """Whether jobs may be placed here."""
        return bool(self.request["state"] == "ENABLED")

    @property
    def cluster(self) -> str:
        """The name of the ECS cluster that stands for it."""
        return f"{self.name}_Batch_{self.uuid}"

    def described(self) -> Document:
        """Return the description."""
        where = f"{self.scope.region}:{self.scope.account}"
        return {
            **self.request,
            "computeEnvironmentArn": self.arn,
            "ecsClusterArn": f"arn:aws:ecs:{where}:cluster/{self.cluster}",
            "status": "VALID",
            "statusReason": "ComputeEnvironment Healthy",
            "containerOrchestrationType": "ECS",
            "uuid": self.uuid,
            "tags": dict(self.tags),
        }


@dataclass(eq=False)
class Queue(Record):
    """A job queue and its runnable jobs, the first to come first."""

    line: "deque[Job]" = field(default_factory=deque)

    @property
    def enabled(self) -> bool:
        """Whether jobs may be submitted."""
        return bool(self.request["state"] == "ENABLED")

    @property
    def environments(self) -> list[str]:
        """The ARNs of its environments, the first to try first."""
        order = sorted(self.request["computeEnvironmentOrder"], key=lambda each: each["order"])
        return [each["computeEnvironment"] for each in order]

    def described(self) -> Document:
        """Return the description."""
        return {
            **self.request,
            "jobQueueArn": self.arn,
            "status": "VALID",
            "statusReason": "JobQueue Healthy",
            "tags": dict(self.tags),
        }


@dataclass(eq=False)
class Definition(Record):
    """One revision of a job definition; its record's name is ``NAME:REVISION``."""

    revision: int = 1
    status: str = "ACTIVE"

    @property
    def family(self) -> str:
        """The name without the revision."""
        return str(self.request["jobDefinitionName"])

    def described(self) -> Document:
        """Return the description."""
        return {
            **self.request,
            "jobDefinitionArn": self.arn,
            "revision": self.revision,
            "status": self.status,
            "containerOrchestrationType": "ECS",
            "tags": dict(self.tags),
        }


@dataclass(frozen=True)
class Specification:
    """What a job is to do: its definition with what its submission says otherwise."""

    container: Document
    ask: Ask
    parameters: dict[str, str]
    retry: Document
    timeout_seconds: int | None


@dataclass(frozen=True)
class Halt:
    """That a running job has to end before it has done its work."""

    ending: Ending
    grace_seconds: float
    """From SIGTERM to SIGKILL."""


@dataclass(eq=False)
class Job:
    """A job, an array of jobs, or a child of one; `State.lock` guards what changes."""

    scope: Scope
    id: str
    name: str
    queue: Queue
    definition: Definition
    specification: Specification
    depends_on: list[Document]
    propagate_tags: bool = False
    tags: dict[str, str] = field(default_factory=dict)
    parent: "Job | None" = None
    children: "list[Job]" = field(default_factory=list)
    status: str = "SUBMITTED"
    reason: str = ""
    created: int = field(default_factory=milliseconds)
    started: int | None = None
    stopped: int | None = None
    attempts: list[Document] = field(default_factory=list)
    container: Document = field(default_factory=dict)
    """What the container of the last attempt is known by."""
    environment: Environment | None = None
    """Where it runs, or has run."""
    halt: Halt | None = None
    canceled: bool = False
    terminated: bool = False
    counts: "Counter[str]" = field(default_factory=Counter)
    """The children by their statuses."""
    runnable_since: float = 0.0
    """By the monotonic clock."""
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def arn(self) -> str:
        """The job's ARN."""
        return arn_of(self.scope, "job", self.id)

    @property
    def index(self) -> int | None:
        """Which child of its array it is."""
        return int(self.id.partition(":")[2]) if self.parent else None

    def array(self) -> Document | None:
        """Return ``arrayProperties``."""
        if self.parent is not None:
            return {"index": self.index}
        if not self.children:
            return None
        return {
            "size": len(self.children),
            "statusSummary": {status: self.counts[status] for status in STATUSES},
            "statusSummaryLastUpdatedAt": milliseconds(),
        }

    def described(self) -> Document:
        """Return the description."""
        spec, where = self.specification, self.definition.request
        seconds = spec.timeout_seconds
        return {
            "jobArn": self.arn,
            "jobId": self.id,
            "jobName": self.name,
            "jobQueue": self.queue.arn,
            "status": self.status,
            "statusReason": self.reason or None,
            "attempts": list(self.attempts),
            "createdAt": self.created,
            "startedAt": self.started,
            "stoppedAt": self.stopped,
            "retryStrategy": spec.retry,
            "dependsOn": self.depends_on,
            "jobDefinition": self.definition.arn,
            "parameters": spec.parameters,
            "container": {**spec.container, **self.container},
            "arrayProperties": self.array(),
            "timeout": {"attemptDurationSeconds": seconds} if seconds else None,
            "tags": dict(self.tags),
            "propagateTags": self.propagate_tags,
            "platformCapabilities": where["platformCapabilities"],
            "isCancelled": self.canceled,
            "isTerminated": self.terminated,
        }

    def summary(self) -> Document:
        """Return the job as ListJobs shows it."""
        seen = {k: v for k, v in self.container.items() if k in ("exitCode", "reason")}
        return {**self.described(), "container": seen or None}


@dataclass
class State:
    """Everything, under one lock that tells the dispatcher of changes."""

    environments: Store[Environment] = field(default_factory=Store)
    queues: Store[Queue] = field(default_factory=Store)
    definitions: Store[Definition] = field(default_factory=Store)
    revisions: "Counter[tuple[Scope, str]]" = field(default_factory=Counter)
    """The last revision of each definition; deregistered ones count."""
    jobs: dict[tuple[Scope, str], Job] = field(default_factory=dict)
    waiting: list[Job] = field(default_factory=list)
    """Jobs that are submitted or pending."""
    running: set[Job] = field(default_factory=set)
    lock: threading.Condition = field(default_factory=threading.Condition)

    def job(self, scope: Scope, job_id: str) -> Job | None:
        """Return a job, None where there is none of that id."""
        return self.jobs.get((scope, job_id))

    def environment(self, scope: Scope, name: str) -> Environment:
        """Return an environment by name or ARN."""
        found = self.environments.get(scope, _bare(scope, "compute-environment", name))
        if found is None:
            raise client(f"{name} does not exist")
        return found

    def queue(self, scope: Scope, name: str) -> Queue:
        """Return a queue by name or ARN."""
        found = self.queues.get(scope, _bare(scope, "job-queue", name))
        if found is None:
            raise client(f"JobQueue {name} does not exist")
        return found

    def definition(self, scope: Scope, name: str) -> Definition:
        """Return an active definition by name, ``NAME:REVISION`` or ARN; the latest by default."""
        bare = _bare(scope, "job-definition", name)
        family, _, revision = bare.partition(":")
        if revision and not revision.isdigit():
            raise client(f"Provided name {bare} is not supported pattern[a-zA-Z_0-9-]{{1,128}}")
        found = self.definitions.get(scope, bare) if revision else self._latest(scope, family)
        if found is None or found.status != "ACTIVE":
            raise client(f"JobDefinition name {bare} does not exist or is not in ACTIVE status")
        return found

    def _latest(self, scope: Scope, family: str) -> Definition | None:
        for number in range(self.revisions[scope, family], 0, -1):
            found = self.definitions.get(scope, f"{family}:{number}")
            if found is not None and found.status == "ACTIVE":
                return found
        return None

    def tagged(self, arn: str) -> Any:
        """Return whatever has an ARN and tags, None where nothing has."""
        stores: list[Store[Any]] = [self.environments, self.queues, self.definitions]
        for store in stores:
            found = store.by_arn(arn)
            if found is not None:
                return found
        return next((job for job in self.jobs.values() if job.arn == arn), None)

    def of_queue(self, queue: Queue) -> Iterator[Job]:
        """Yield a queue's jobs and arrays, without the arrays' children."""
        return (job for job in self.jobs.values() if job.queue is queue and job.parent is None)

    def clear(self) -> None:
        """Forget everything."""
        with self.lock:
            stores: list[Store[Any]] = [self.environments, self.queues, self.definitions]
            for store in stores:
                store.clear()
            self.revisions.clear()
            self.jobs.clear()
            self.waiting.clear()


def _bare(scope: Scope, kind: str, name: str) -> str:
    """Return the name in an ARN of one kind, or the name itself."""
    return name.removeprefix(arn_of(scope, kind, ""))
