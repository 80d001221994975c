"""One attempt of a job: the image's program as a process, until it ends or has to."""

import shutil
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from visionml.errors import AccessDenied, VisionmlError
from visionml.local import images, ministack
from visionml.local.batch.core import SPOT, Environment, Halt, Job
from visionml.local.batch.dispatcher import STOP_SECONDS, Dispatcher
from visionml.local.batch.parameters import substituted
from visionml.local.batch.retries import Ending
from visionml.local.batch.secrets import SecretRefused, read
from visionml.local.containers import Container, Launch
from visionml.local.sagemaker.cloud import Cloud

TASKS = "ecs-tasks.amazonaws.com"
GROUP = "/aws/batch/job"
_NOT_STARTED = "Task failed to start"
_TICK_SECONDS = 0.02
_PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")


class NotStarted(Exception):
    """An attempt's container cannot begin."""

    def __init__(self, *, reason: str = "", status_reason: str = _NOT_STARTED) -> None:
        super().__init__(reason or status_reason)
        self.ending = Ending(reason=reason, status_reason=status_reason)


def supervise(
    container: Container, *, seconds: float | None, halt: Callable[[], Halt | None]
) -> Ending:
    """Wait for a container's end, and cause it after `seconds` or when there is a halt."""
    deadline = time.monotonic() + seconds if seconds else float("inf")
    while container.wait(_TICK_SECONDS) is None:
        order = halt()
        if order is None and time.monotonic() >= deadline:
            overdue = Ending(status_reason="Job attempt duration exceeded timeout", final=True)
            order = Halt(overdue, STOP_SECONDS)
        if order is not None:
            code = container.stop(order.grace_seconds)
            return replace(order.ending, exit_code=code) if order.ending.final else order.ending
    return Ending(container.exit_code)


def interruption(job: Job, grace_seconds: float) -> Halt:
    """Return the end of an attempt whose spot instance is taken away."""
    kind = job.environment.kind if job.environment else SPOT[0]
    host = f"Host EC2 (instance i-{uuid.uuid4().hex[:17]}) terminated."
    reason = host if kind == "SPOT" else "Your Spot Task was interrupted."
    return Halt(Ending(status_reason=reason), grace_seconds)


@dataclass(frozen=True)
class Attempts:
    """Runs attempts in threads of their own."""

    cloud: Cloud

    def begin(self, dispatcher: Dispatcher, job: Job, environment: Environment) -> None:
        """Start the next attempt of a job."""
        self.cloud.run(
            job.scope, lambda: self._run(dispatcher, job, environment), name=f"batch-{job.id}"
        )

    def _run(self, dispatcher: Dispatcher, job: Job, environment: Environment) -> None:
        task = uuid.uuid4().hex
        disk = self.cloud.folder / task
        try:
            ending = self._work(dispatcher, job, environment, Task(task, disk))
        except NotStarted as failed:
            ending = failed.ending
        except Exception as error:  # noqa: BLE001  (an attempt must end, whatever happens)
            ending = Ending(
                reason=f"CannotStartContainerError: {error}", status_reason=_NOT_STARTED
            )
        finally:
            shutil.rmtree(disk, ignore_errors=True)
        dispatcher.finished(job, ending)

    def _work(
        self, dispatcher: Dispatcher, job: Job, environment: Environment, task: "Task"
    ) -> Ending:
        container = job.specification.container
        image = self._image(container)
        variables = self._variables(job, environment)
        line = self._log(job, task)
        (task.disk / "ml").mkdir(parents=True)
        command = substituted(container["command"], job.specification.parameters)
        launch = Launch(
            [*image.entrypoint, *(command or image.command)],
            task.disk / "ml",
            {**image.environment, **variables},
            image.workdir,
        )
        where = f"{job.scope.region}:{job.scope.account}"
        facts = {"taskArn": f"arn:aws:ecs:{where}:task/{environment.cluster}/{task.id}"}
        if environment.kind in ("EC2", "SPOT"):
            host = f"{environment.cluster}/{uuid.uuid4().hex}"
            facts["containerInstanceArn"] = f"arn:aws:ecs:{where}:container-instance/{host}"
        if job.halt is not None:
            return job.halt.ending
        started = self.cloud.runtime.start(launch, line)
        job.container = {**facts, "logStreamName": task.stream(job)}
        dispatcher.running(job)
        seconds = job.specification.timeout_seconds
        return supervise(started, seconds=seconds, halt=lambda: job.halt)

    def _image(self, container: dict[str, object]) -> images.Image:
        uri, role = str(container["image"]), str(container.get("executionRoleArn") or "")
        try:
            found = images.resolve(uri)
            if role:
                _check_trust(role)
                ministack.enforce(role, "ecr:GetAuthorizationToken")
                for action in _PULL:
                    ministack.enforce(role, action, _repository(uri))
            return found
        except VisionmlError as error:
            raise NotStarted(reason=f"CannotPullContainerError: {error.message}") from error

    def _variables(self, job: Job, environment: Environment) -> dict[str, str]:
        container = job.specification.container
        given = {each["name"]: each.get("value", "") for each in container["environment"]}
        own = {
            "AWS_BATCH_JOB_ID": job.id,
            "AWS_BATCH_JOB_ATTEMPT": str(len(job.attempts) + 1),
            "AWS_BATCH_JQ_NAME": job.queue.name,
            "AWS_BATCH_CE_NAME": environment.name,
        }
        if job.parent is not None:
            own["AWS_BATCH_JOB_ARRAY_INDEX"] = str(job.index)
            own["AWS_BATCH_JOB_ARRAY_SIZE"] = str(len(job.parent.children))
        return {**self._access(job), **given, **self._secrets(container), **own}

    def _access(self, job: Job) -> dict[str, str]:
        role = str(job.specification.container.get("jobRoleArn") or "")
        if role:
            _check_trust(role)
            session = self.cloud.session(role, job.id.replace(":", "-"))
            return self.cloud.variables(session, job.scope.region)
        region, bundle = job.scope.region, self.cloud.ca_bundle
        certificates = {"AWS_CA_BUNDLE": bundle, "SSL_CERT_FILE": bundle}
        return {
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_ENDPOINT_URL": self.cloud.endpoint_url,
            **{name: value for name, value in certificates.items() if value},
        }

    def _secrets(self, container: dict[str, list[dict[str, str]]]) -> dict[str, str]:
        wanted, role = container["secrets"], str(container.get("executionRoleArn") or "")
        if not wanted:
            return {}
        try:
            session = self.cloud.session(role, "ecs-task")
            return {each["name"]: read(session, each["valueFrom"]) for each in wanted}
        except SecretRefused as refused:
            text = "ResourceInitializationError: unable to pull secrets or registry auth: "
            raise NotStarted(status_reason=f"{text}{refused}") from refused

    def _log(self, job: Job, task: "Task") -> Callable[[str], None]:
        """Return what takes the container's lines to its log stream."""
        container, scope = job.specification.container, job.scope
        options = container.get("logConfiguration", {}).get("options", {})
        group, stream = options.get("awslogs-group", GROUP), task.stream(job)
        role = str(container.get("executionRoleArn") or "")
        where = f"{scope.region}:{scope.account}"
        arn = f"arn:aws:logs:{where}:log-group:{group}:log-stream:{stream}"
        try:
            for action in ("logs:CreateLogStream", "logs:PutLogEvents") if role else ():
                ministack.enforce(role, action, arn)
        except AccessDenied as denied:
            text = "ResourceInitializationError: failed to validate logger args: "
            raise NotStarted(status_reason=f"{text}{denied.message}") from denied
        lock = threading.Lock()
        ministack.put_log_events(group, stream, ())  # the stream is there before a first line

        def write(line: str) -> None:
            with lock, ministack.scope(scope.account, scope.region):
                ministack.put_log_events(group, stream, [line])

        return write


@dataclass(frozen=True)
class Task:
    """The ECS task that an attempt is."""

    id: str
    disk: Path

    def stream(self, job: Job) -> str:
        """Return the name of its log stream."""
        options = job.specification.container.get("logConfiguration", {}).get("options", {})
        prefix = options.get("awslogs-stream-prefix", job.definition.family)
        return f"{prefix}/default/{self.id}"


def _check_trust(role: str) -> None:
    if not (ministack.role_exists(role) and ministack.role_trusts(role, TASKS)):
        raise NotStarted(
            status_reason=(
                f"ECS was unable to assume the role '{role}' that was provided for this task. "
                "Please verify that the role being passed has the proper trust relationship and "
                "permissions and that your IAM user has permissions to pass this role."
            )
        )


def _repository(uri: str) -> str:
    name = uri.partition("/")[2].partition("@")[0].partition(":")[0]
    return f"arn:aws:ecr:{ministack.region()}:{ministack.account()}:repository/{name}"
