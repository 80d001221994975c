"""SageMaker's container contract, from the inside: what lies where under ``/opt/ml``.

Where the folder is (``SAGEMAKER_BASE_DIR``) is read here and nowhere else. A job says why it
failed by leaving a sentence in ``output/failure`` (training) or ``output/message`` (processing);
SageMaker shows the first 1,024 characters of it as ``FailureReason`` or ``ExitMessage``.
"""

import errno
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from visionml.errors import InvalidInput, VisionmlError

REASON_CHARACTERS = 1024

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Peers:
    """The hosts that run one training job together, as SageMaker lists them on each."""

    hosts: tuple[str, ...]
    current: str
    interface: str | None = None
    """The network interface on which they reach each other."""
    job: str = ""


@dataclass(frozen=True)
class MlFolder:
    """The folder that SageMaker shares with a container."""

    base: Path

    @classmethod
    def read(cls, variables: Mapping[str, str] | None = None) -> "MlFolder":
        """Return the folder that the environment names, ``/opt/ml`` when it names none."""
        source = os.environ if variables is None else variables
        return cls(Path(source.get("SAGEMAKER_BASE_DIR", "/opt/ml")))

    @property
    def model(self) -> Path:
        """Where a training job leaves its model and a serving container finds it."""
        return self.base / "model"

    @property
    def checkpoints(self) -> Path:
        """The folder that SageMaker keeps in step with the job's checkpoint prefix."""
        return self.base / "checkpoints"

    @property
    def failure(self) -> Path:
        """The file in which a training job says why it failed."""
        return self.base / "output" / "failure"

    @property
    def message(self) -> Path:
        """The file in which a processing job says why it failed."""
        return self.base / "output" / "message"

    @property
    def processing(self) -> Path:
        """The parent of a processing job's inputs and outputs."""
        return self.base / "processing"

    def channel(self, name: str) -> Path:
        """Return the folder of a training job's input channel, such as ``train``."""
        return self.base / "input" / "data" / name

    def hyperparameters(self) -> dict[str, str]:
        """Return a training job's hyperparameters, as the strings that SageMaker passes."""
        values = self._json(self.base / "input" / "config" / "hyperparameters.json")
        return {str(key): str(value) for key, value in values.items()}

    def processing_host(self) -> tuple[int, int]:
        """Return a processing job's (index of this host, number of hosts); alone without a file."""
        path = self.base / "config" / "resourceconfig.json"
        if not path.exists():
            return 0, 1
        config = self._json(path)
        hosts = sorted(config["hosts"])
        return hosts.index(config["current_host"]), len(hosts)

    def training_peers(self, variables: Mapping[str, str] | None = None) -> Peers:
        """Return a training job's hosts; one alone without a file."""
        job = (os.environ if variables is None else variables).get("TRAINING_JOB_NAME", "")
        path = self.base / "input" / "config" / "resourceconfig.json"
        if not path.exists():
            return Peers(("algo-1",), "algo-1", job=job)
        config = self._json(path)
        hosts = tuple(sorted(config["hosts"]))
        return Peers(hosts, config["current_host"], config.get("network_interface_name"), job)

    @staticmethod
    def _json(path: Path) -> dict[str, Any]:
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise InvalidInput(
                f"{path} does not exist.",
                hint="Run this in a SageMaker job, or point SAGEMAKER_BASE_DIR at such a folder.",
            ) from None
        except json.JSONDecodeError as error:
            raise InvalidInput(f"{path} is not valid JSON: {error}.") from error
        if not isinstance(value, dict):
            raise InvalidInput(f"{path} holds no JSON object.")
        return value


def run_job(work: Callable[[], object], *, reason_file: Path) -> int:
    """Run a job's work and return its exit code: 0, or 1 with the reason left in a file.

    Progress goes to standard output as plain lines, since SageMaker matches metric expressions
    against them; an unforeseen error also leaves its traceback in the log.
    """
    log_plainly()
    try:
        work()
    except Exception as error:  # the process ends here: whatever it was becomes a reason
        reason = failure_reason(error)
        log.error("%s", reason, exc_info=not isinstance(error, VisionmlError))  # noqa: TRY400
        _leave(reason, reason_file)
        return 1
    return 0


def log_plainly() -> None:
    """Write this process's log to standard output, as bare lines."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stdout)
    logging.getLogger("visionml").setLevel(logging.INFO)


def use_interface(name: str) -> None:
    """Let PyTorch's processes reach each other on a network interface, unless one is set."""
    for variable in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"):
        os.environ.setdefault(variable, name)


def failure_reason(error: BaseException) -> str:
    """Return the sentence that tells a person why a job failed, at most 1,024 characters."""
    if isinstance(error, VisionmlError):
        reason = str(error)
    elif isinstance(error, MemoryError):
        reason = "The job ran out of memory. Use a larger instance type or a smaller batch_size."
    elif isinstance(error, OSError) and error.errno == errno.ENOSPC:
        reason = "The job's disk is full. Raise training.volume_gb in the environment's settings."
    else:
        reason = f"{type(error).__name__}: {error}. The traceback is in the job's log."
    return reason[:REASON_CHARACTERS]


def _leave(reason: str, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(reason, encoding="utf-8")
    except OSError as error:  # such as a full disk: the log still holds the reason
        log.warning("The reason could not be written to %s: %s.", path, error)
