"""Servers of one model in processes of their own: ours and peers."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from visionml.errors import MachineUnfit

ROOT = Path(__file__).parents[1]
_PATIENCE_SECONDS = 60


class Server:
    """A running server on a port of this machine."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, started: float) -> None:
        self._process = process
        self.port = port
        self.start_seconds = started
        """From its start to the first connection that it took."""

    def memory(self) -> float:
        """Return the mebibytes that its processes hold, shared ones counted once."""
        return sum(each.memory_full_info().pss for each in self._everyone()) / 2**20

    def processor_seconds(self) -> float:
        """Return the seconds that its processes have spent on processors."""
        times = [each.cpu_times() for each in self._everyone()]
        return sum(each.user + each.system for each in times)

    def _everyone(self) -> list[psutil.Process]:
        first = psutil.Process(self._process.pid)
        return [first, *first.children(recursive=True)]


@contextmanager
def ours(base: Path, **variables: str) -> Iterator[Server]:
    """Serve what lies in `base`, SageMaker's folder, with a worker a core."""
    port = _free_port()
    environment = {
        "SAGEMAKER_BASE_DIR": str(base),
        "SAGEMAKER_BIND_TO_PORT": str(port),
        "SERVE_HOST": "127.0.0.1",
        **variables,
    }
    script = ROOT / "infra" / "images" / "vision" / "bin" / "serve"
    with _running([sys.executable, str(script)], port, environment) as server:
        yield server


PEERS = ("FastAPI", "LitServe", "BentoML", "multi-model-server", "TorchServe", "Ray Serve")
_INTERPRETERS = (Path(sys.executable), ROOT / ".venv-peers" / "bin" / "python")
_SERVED = {"FastAPI": "fastapi", "LitServe": "litserve", "BentoML": "bentoml", "Ray Serve": "ray"}
"""The peers that can be measured, and the package of each."""


def installed() -> Iterator[tuple[str, Path]]:
    """Yield the peers that can be started, and the Python that has them: `make peers`."""
    for name, package in _SERVED.items():
        for python in _INTERPRETERS:
            if python.exists() and not subprocess.call(
                [str(python), "-c", f"import {package}"], stderr=subprocess.DEVNULL
            ):
                yield name, python
                break


@contextmanager
def peer(name: str, python: Path, model: Path) -> Iterator[Server]:
    """Serve the model as most people write it with one of the peers."""
    port = _free_port()
    command = [str(python), "-m", f"benchmarks.{_SERVED[name]}_server", str(model), str(port)]
    with _running(command, port, {"BENTOML_DO_NOT_TRACK": "True"}) as server:
        yield server


@contextmanager
def _running(command: list[str], port: int, environment: Mapping[str, str]) -> Iterator[Server]:
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        env={**os.environ, **environment},
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                late = time.perf_counter() - began > _PATIENCE_SECONDS
                if process.poll() is not None or late:
                    raise MachineUnfit(f"{' '.join(command)} does not serve.") from None
                time.sleep(0.01)
        yield Server(process, port, time.perf_counter() - began)
    finally:
        _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a server, and what it has started and does not end itself."""
    children = psutil.Process(process.pid).children(recursive=True) if not process.poll() else []
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    _, alive = psutil.wait_procs(children, timeout=5)
    for child in alive:
        child.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
