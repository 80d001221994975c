"""An instance of an endpoint: a container that answers on a port of this machine."""

import contextlib
import http.client
import secrets
import shutil
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from visionml.local.containers import Container, Launch
from visionml.local.sagemaker import multi_model
from visionml.local.sagemaker.artefacts import ArtefactRefused, unpack
from visionml.local.sagemaker.cloud import Cloud
from visionml.local.sagemaker.core import Document, Scope
from visionml.local.sagemaker.faults import Fault
from visionml.local.sagemaker.http1 import Pool
from visionml.local.sagemaker.objects import Location

PING_SECONDS = 0.05
STOP_SECONDS = 30
_RESTART_SECONDS = 0.5
MULTI_MODEL = "MultiModel"
"""The ``Mode`` of a container whose models come and go."""


class LaunchFailed(Exception):
    """An instance does not come into service; the text is fit for ``FailureReason``."""


@dataclass(frozen=True)
class Design:
    """What an instance runs, and as whom."""

    scope: Scope
    endpoint: str
    variant: str
    container: Document
    """A model's ``PrimaryContainer``."""
    role: str
    isolated: bool
    patience_seconds: float
    """How long a container may take until it answers ``/ping``."""

    @property
    def log_group(self) -> str:
        """Where instances log."""
        return f"/aws/sagemaker/Endpoints/{self.endpoint}"

    @property
    def folder(self) -> Path:
        """Where instances have their disks, below the cloud's folder."""
        return Path("endpoint", self.endpoint)

    def unhealthy(self, detail: str) -> str:
        """Return what is said of an instance that does not answer ``/ping``."""
        return (
            f"The primary container for production variant {self.variant} did not pass the "
            f"ping health check. Please check CloudWatch logs for this endpoint. {detail}"
        )

    @property
    def multi_model(self) -> bool:
        """Whether each request names the model that it is for."""
        return self.container.get("Mode") == MULTI_MODEL


@dataclass(eq=False)
class Instance:
    """One container of a fleet; `launch` it in a thread, then send it requests on the loop."""

    design: Design
    cloud: Cloud
    name: str = field(default_factory=lambda: f"i-{secrets.token_hex(9)[:17]}")
    ready: bool = False
    busy: int = 0
    """Requests that it is working on."""
    deaths: int = 0
    """How often its container has ended by itself."""
    models: multi_model.Models | None = None
    """What a container of several models holds; another one from each start on."""
    _pool: Pool = field(default_factory=lambda: Pool(0))
    _container: Container | None = None
    _stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def pool(self) -> Pool:
        """The connections to the container."""
        return self._pool

    @property
    def log_stream(self) -> str:
        """The instance's stream in its endpoint's log group."""
        return f"{self.design.variant}/{self.name}"

    @property
    def _disk(self) -> Path:
        return self.cloud.folder / self.design.folder / self.name

    def ends(self, seconds: float) -> bool:
        """Tell whether its container has ended by itself, or does within a time."""
        container = self._container
        return bool(container and container.wait(seconds) is not None) or self.deaths > 0

    def launch(self) -> None:
        """Fetch the model, start the container, wait for ``/ping``; later keep it running.

        Raises
        ------
        LaunchFailed
            The model cannot be had, or the container does not answer in time.
        """
        try:
            (self._disk / "ml" / "model").mkdir(parents=True)
            self._fetch_model()
            self._start()
        except Fault as fault:
            raise LaunchFailed(fault.message) from fault
        except OSError as error:
            raise LaunchFailed(f"The instance could not be prepared: {error}.") from error
        self._become_ready()
        self.cloud.run(self.design.scope, self._keep, name=f"instance-{self.name}")

    def stop(self) -> None:
        """End the container and remove its disk."""
        self._stopped.set()
        self.ready = False
        if self._container is not None:
            self._container.stop(STOP_SECONDS)
        shutil.rmtree(self._disk, ignore_errors=True)

    def _fetch_model(self) -> None:
        url = self.design.container.get("ModelDataUrl")
        if not url or self.design.multi_model:
            return
        try:
            unpack(self.cloud, self.design.role, Location.of(url), self._disk / "ml" / "model")
        except ArtefactRefused as error:
            raise LaunchFailed(
                f'Failed to download model data for container "container_1" from URL: "{url}". '
                "Please ensure that there is an object located at the URL and that the role passed "
                f"to CreateModel has permissions to download the object. ({error})"
            ) from error

    def _start(self) -> None:
        image = self.cloud.image(self.design.container["Image"], self.design.role)
        self._pool = Pool(_free_port())
        self.models = self._models() if self.design.multi_model else None
        log = self.cloud.log(
            self.design.scope, self.design.role, self.design.log_group, self.log_stream
        )
        launch = Launch(
            [*image.entrypoint, "serve"],
            self._disk / "ml",
            {
                **image.environment,
                **self._access(),
                "SERVE_HOST": "127.0.0.1",
                "SAGEMAKER_BIND_TO_PORT": str(self._pool.port),
                "SAGEMAKER_SAFE_PORT_RANGE": f"{self._pool.port}-{self._pool.port}",
                **self.design.container.get("Environment", {}),
                **(multi_model.ENVIRONMENT if self.design.multi_model else {}),
            },
            image.workdir,
        )
        self._container = self.cloud.runtime.start(launch, log)

    def _models(self) -> multi_model.Models:
        container = self.design.container
        prefix = Location.of(container["ModelDataUrl"])
        artefacts = multi_model.Artefacts(self.cloud, self.design.role, prefix, self._disk / "ml")
        caching = container.get("MultiModelConfig", {}).get("ModelCacheSetting")
        return multi_model.Models(artefacts, self._pool, kept=caching != "Disabled")

    def _access(self) -> dict[str, str]:
        if self.design.isolated:
            return {}
        session = self.cloud.session(self.design.role, "SageMaker")
        return self.cloud.variables(session, self.design.scope.region)

    def _become_ready(self) -> None:
        deadline = time.monotonic() + self.design.patience_seconds
        while not self._stopped.wait(PING_SECONDS):
            container = self._container
            code = container.exit_code if container else None
            if code is not None:
                raise LaunchFailed(self.design.unhealthy(f"It ended with exit code {code}."))
            if _answers(self._pool.port, "/ping"):
                if self.design.multi_model and not _answers(self._pool.port, "/models"):
                    raise LaunchFailed(self.design.unhealthy("It does not answer GET /models."))
                self.ready = True
                return
            if time.monotonic() > deadline:
                raise LaunchFailed(
                    self.design.unhealthy(f"It had {self.design.patience_seconds:.0f} seconds.")
                )
        raise LaunchFailed("The instance was stopped.")

    def _keep(self) -> None:
        """Start the container again whenever it ends by itself."""
        while not self._stopped.is_set():
            if self._container is None or self._container.wait(0.5) is None:
                continue
            if self._stopped.is_set():
                return
            self.ready = False
            self.deaths += 1
            if self._stopped.wait(_RESTART_SECONDS):
                return
            with contextlib.suppress(LaunchFailed, OSError):
                self._start()
                self._become_ready()


def run_together(works: list[Callable[[], None]]) -> None:
    """Run works in threads of their own and raise the first failure when all have ended."""
    failures: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001  (raised below)
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
