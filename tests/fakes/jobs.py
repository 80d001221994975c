"""Commands of the image `vision` as processes, with the environment that its Dockerfile sets."""

import json
import os
import runpy
import subprocess
import sys
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import TextIO

from visionml.contracts.container import MlFolder

ROOT = Path(__file__).parents[2]
IMAGE = ROOT / "infra" / "images" / "vision"
LONGEST_SECONDS = 300


def run(name: str, base: Path, *arguments: str, path: str = "") -> tuple[int, str]:
    """Run a command to its end; return exit code and output. `path` is further code to import."""
    ended = subprocess.run(
        [IMAGE / "bin" / name, *arguments],
        env={
            **_variables(base),
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), path])),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=LONGEST_SECONDS,
    )
    return ended.returncode, ended.stdout


@dataclass
class Running:
    """A ``train`` that runs; started from a server that has imported PyTorch already."""

    process: ForkServerProcess
    output: TextIO

    def until(self, text: str) -> str:
        """Read the output up to a line that holds `text`; return what was read."""
        read = ""
        for line in self.output:
            read += line
            if text in line:
                return read
        raise AssertionError(f"{text!r} did not come: {read}")

    def signal(self, number: int) -> None:
        """Send a signal."""
        assert self.process.pid
        os.kill(self.process.pid, number)

    def finish(self) -> tuple[int | None, str]:
        """Wait for the end; return exit code and the rest of the output."""
        try:
            rest = self.output.read()
            self.process.join(LONGEST_SECONDS)
            return self.process.exitcode, rest
        finally:
            self.output.close()
            self.process.kill()
            self.process.join()
            self.process.close()


def start(base: Path) -> Running:
    """Start ``train`` on a folder."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["visionml.training.job", "torch._dynamo.aot_compile"])
    reader, writer = context.Pipe(duplex=False)
    command = IMAGE / "bin" / "train"
    process = context.Process(
        target=runpy.run_path,
        args=(str(ROOT / "tests" / "fakes" / "forked.py"),),
        kwargs={"init_globals": {"job": (str(command), _variables(base), writer)}},
        daemon=True,
    )
    process.start()
    writer.close()
    return Running(process, os.fdopen(os.dup(reader.fileno()), encoding="utf-8"))


def _variables(base: Path) -> dict[str, str]:
    return {
        "SAGEMAKER_BASE_DIR": str(base),
        "TRAINING_JOB_NAME": base.parent.name,
        "OMP_WAIT_POLICY": "PASSIVE",
        "OMP_NUM_THREADS": "1",
        "TORCH_CPP_LOG_LEVEL": "ERROR",
    }


def make_peers(*hosts: MlFolder) -> None:
    """Tell each folder that it is one host of several; addresses of this machine are the names."""
    names = [f"127.0.0.{number}" for number in range(1, len(hosts) + 1)]
    for name, ml in zip(names, hosts, strict=True):
        config = {"current_host": name, "hosts": names, "network_interface_name": "lo"}
        path = ml.base / "input" / "config" / "resourceconfig.json"
        path.write_text(json.dumps(config))
