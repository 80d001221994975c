"""Commands of the image `vision` as processes, with the environment that its Dockerfile sets."""

import json
import os
import subprocess
import sys
from pathlib import Path

from visionml.contracts.container import MlFolder

ROOT = Path(__file__).parents[2]
IMAGE = ROOT / "infra" / "images" / "vision"
LONGEST_SECONDS = 120


def start(name: str, base: Path, *arguments: str, path: str = "") -> "subprocess.Popen[str]":
    """Start a command; both of its streams come as one. `path` is further code to import."""
    environment = {
        "SAGEMAKER_BASE_DIR": str(base),
        "TRAINING_JOB_NAME": base.parent.name,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), path])),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "OMP_WAIT_POLICY": "PASSIVE",
        "OMP_NUM_THREADS": "1",
        "TORCH_CPP_LOG_LEVEL": "ERROR",
    }
    return subprocess.Popen(
        [IMAGE / "bin" / name, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(*processes: "subprocess.Popen[str]") -> list[tuple[int, str]]:
    """Wait for the end of processes; return exit code and output of each."""
    ended = []
    try:
        for process in processes:
            output, _ = process.communicate(timeout=LONGEST_SECONDS)
            ended.append((process.returncode, output))
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    return ended


def run(name: str, base: Path, *arguments: str, path: str = "") -> tuple[int, str]:
    """Run a command to its end; return exit code and output."""
    (ended,) = finish(start(name, base, *arguments, path=path))
    return ended


def until(process: "subprocess.Popen[str]", text: str) -> str:
    """Read the output of a process up to a line that holds `text`; return what was read."""
    assert process.stdout is not None
    read = ""
    for line in process.stdout:
        read += line
        if text in line:
            return read
    raise AssertionError(f"{text!r} did not come: {read}")


def make_peers(*hosts: MlFolder) -> None:
    """Tell each folder that it is one host of several; addresses of this machine are the names."""
    names = [f"127.0.0.{number}" for number in range(1, len(hosts) + 1)]
    for name, ml in zip(names, hosts, strict=True):
        config = {"current_host": name, "hosts": names, "network_interface_name": "lo"}
        path = ml.base / "input" / "config" / "resourceconfig.json"
        path.write_text(json.dumps(config))
