"""Batch Transform: a model's container, fed with what lies in S3, without an endpoint."""

import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from visionml.local.sagemaker.cloud import Cloud, epoch_seconds
from visionml.local.sagemaker.core import Document, now
from visionml.local.sagemaker.hosting import HEALTH_CHECK_SECONDS
from visionml.local.sagemaker.instance import Design, Instance, LaunchFailed, run_together
from visionml.local.sagemaker.jobs import Job, JobFailed, Workplace
from visionml.local.sagemaker.objects import Item, Location, shard
from visionml.local.sagemaker.transform_client import Client, execution_parameters
from visionml.local.sagemaker.transform_share import STRATEGIES, Plan, Share

_TIMEOUT_SECONDS, _RETRIES = 600, 3
_ALGORITHM = "AlgorithmError"
_LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class _Seat(Design):
    """What an instance of a transform job runs."""

    @property
    def log_group(self) -> str:
        return "/aws/sagemaker/TransformJobs"

    @property
    def folder(self) -> Path:
        return Path("transform-job", self.endpoint)

    def unhealthy(self, detail: str) -> str:
        return (
            f"{_ALGORITHM}: Model container failed to respond to ping. Please ensure /ping "
            f"endpoint is implemented and responds with an HTTP 200 status code. {detail}"
        )


@dataclass(eq=False)
class TransformJob(Job):
    """A transform job and where it stands."""

    kind = "transform-job"
    word = "Transform"

    model: Document = field(default_factory=dict)
    """The model's own request, as it was when the job was created."""

    @property
    def role(self) -> str:
        """The model's role: a transform job has none of its own."""
        return str(self.model["ExecutionRoleArn"])

    def work(self, cloud: Cloud, place: Workplace) -> None:
        """Start the instances, send them what lies in S3, write what they answer."""
        items = place.items(self.request["TransformInput"]["DataSource"]["S3DataSource"])
        self.check()
        count = min(int(self.request["TransformResources"]["InstanceCount"]), len(items))
        instances = [self._instance(cloud) for _ in range(count)]
        over = threading.Event()
        cloud.run(self.scope, partial(self._watch, instances, over), name=f"stop-{self.name}")
        try:
            self._launch(cloud, instances)
            self.learn(TransformStartTime=now())
            shares = self._transform(cloud, place, instances, items)
        finally:
            over.set()
            run_together([instance.stop for instance in instances])
        self.check()
        self._write(place, shares)

    def finish(self, status: str, *, reason: str = "", overdue: bool = False) -> None:
        """Record the end."""
        del overdue
        with self.lock:
            self.status = status
            self.learn(TransformEndTime=now())
            if reason:
                self.facts["FailureReason"] = reason

    def _instance(self, cloud: Cloud) -> Instance:
        container = self.model["PrimaryContainer"]
        variables = {**container.get("Environment", {}), **self.request.get("Environment", {})}
        seat = _Seat(
            self.scope,
            self.name,
            self.name,
            {**container, "Environment": {**variables, **self._variables()}},
            self.role,
            bool(self.model.get("EnableNetworkIsolation")),
            HEALTH_CHECK_SECONDS,
        )
        return Instance(seat, cloud, f"i-{secrets.token_hex(9)[:17]}-{epoch_seconds()}")

    def _variables(self) -> dict[str, str]:
        given = {
            "SAGEMAKER_MAX_PAYLOAD_IN_MB": self.request.get("MaxPayloadInMB"),
            "SAGEMAKER_BATCH_STRATEGY": STRATEGIES.get(self.request.get("BatchStrategy", "")),
            "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": self.request.get("MaxConcurrentTransforms"),
        }
        named = {name: str(value) for name, value in given.items() if value is not None}
        return {"SAGEMAKER_BATCH": "true", **named}

    def _watch(self, instances: Sequence[Instance], over: threading.Event) -> None:
        """End the instances as soon as somebody stops the job: their requests end with them."""
        while not over.wait(_LOOK_SECONDS):
            if self.stopping.is_set():
                run_together([instance.stop for instance in instances])
                return

    def _launch(self, cloud: Cloud, instances: Sequence[Instance]) -> None:
        failures: list[LaunchFailed] = []

        def launch(instance: Instance) -> None:
            try:
                instance.launch()
            except LaunchFailed as failed:
                failures.append(failed)

        threads = [
            cloud.run(self.scope, partial(launch, instance), name=f"launch-{instance.name}")
            for instance in instances
        ]
        for thread in threads:
            thread.join()
        self.check()
        for failed in failures:
            text = str(failed)
            raise JobFailed(text if text.startswith(_ALGORITHM) else f"ClientError: {text}")

    def _transform(
        self, cloud: Cloud, place: Workplace, instances: Sequence[Instance], items: list[Item]
    ) -> list[Share]:
        shares = [self._share(cloud, place, instance) for instance in instances]
        errors: list[Exception] = []

        def run(share: Share, part: list[Item]) -> None:
            try:
                share.run(cloud, part)
            except Exception as error:  # noqa: BLE001  (raised below)
                errors.append(error)

        parts = [shard(items, host=host, hosts=len(shares)) for host in range(len(shares))]
        threads = [
            cloud.run(self.scope, partial(run, share, part), name=f"share-{self.name}")
            for share, part in zip(shares, parts, strict=True)
        ]
        for thread in threads:
            thread.join()
        self.check()
        for error in errors:
            raise error
        return shares

    def _share(self, cloud: Cloud, place: Workplace, instance: Instance) -> Share:
        config = self.request.get("ModelClientConfig", {})
        headers = {
            "content-type": self.request["TransformInput"].get("ContentType"),
            "accept": self.request["TransformOutput"].get("Accept"),
        }
        client = Client(
            instance.pool.port,
            {name: value for name, value in headers.items() if value},
            config.get("InvocationsTimeoutInSeconds", _TIMEOUT_SECONDS),
            config.get("InvocationsMaxRetries", _RETRIES),
            self.stopping,
        )
        stream = f"{instance.log_stream}/data-log"
        say = cloud.log(self.scope, self.role, instance.design.log_group, stream)
        plan = Plan.of(self.request, execution_parameters(instance.pool.port))
        folder = place.disk / f"{instance.name}-outputs"
        return Share(self, instance, client, plan, place.objects, folder, say)

    def _write(self, place: Workplace, shares: Sequence[Share]) -> None:
        """Write what was transformed, even where other objects have failed."""
        output = self.request["TransformOutput"]
        target = Location.of(output["S3OutputPath"])
        for item, path in [each for share in shares for each in share.done]:
            self.check()
            key = f"{item.path}.out"
            place.objects.put(path, target.below(key), key_id=output.get("KmsKeyId"))
        blamed = set[str]().union(*(share.blamed for share in shares))
        if blamed:
            word = _ALGORITHM if _ALGORITHM in blamed else "ClientError"
            raise JobFailed(f"{word}: See job logs for more information")
