"""How long the developer waits: start of the command line, synthesis, a full deployment."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.record import Row, row
from visionml.contracts import settings
from visionml.local import control, deploy
from visionml.local.state import Project

ROUNDS = 5
_AWS = Path(".venv-aws/bin/aws")


def timed(work: Callable[[], object]) -> float:
    """Return how many seconds something takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _command(*arguments: str) -> Callable[[], object]:
    return lambda: subprocess.run(arguments, check=True, capture_output=True)


def cli_start() -> Row:
    """``visionml --help``, beside a bare interpreter (the limit) and the AWS CLI."""
    ours = _command(str(Path(sys.executable).parent / "visionml"), "--help")
    limit = _command(sys.executable, "-c", "pass")
    samples: dict[str, list[float]] = {"ours": [], "limit": [], "aws-cli": []}
    for _ in range(2 * ROUNDS):
        samples["ours"].append(timed(ours) * 1000)
        samples["limit"].append(timed(limit) * 1000)
        if _AWS.exists():
            samples["aws-cli"].append(timed(_command(str(_AWS), "--version")) * 1000)
    return row("cli_start", "ms", samples, peers=("aws-cli",))


def synth() -> Row:
    """All stacks of one environment, in a fresh process as a person runs it."""
    with tempfile.TemporaryDirectory() as folder:
        command = _command(sys.executable, "-m", "infra.app", "-c", "environment=dev", "-o", folder)
        return row("synth", "s", {"ours": [timed(command) for _ in range(ROUNDS)]})


def deploy_local() -> Row:
    """All stacks to an empty embedded AWS, from their synthesised templates."""
    from visionml.cdk.synth import synthesise  # noqa: PLC0415 - takes seconds to import

    samples = []
    with tempfile.TemporaryDirectory() as folder:
        assembly = Path(folder) / "cdk.out"
        synthesise(settings.load("local"), assembly)
        project = Project(Path(folder) / ".visionml")
        try:
            for _ in range(ROUNDS):
                control.reset(project)
                samples.append(
                    timed(
                        lambda: deploy.deploy(
                            assembly, project=project, on_event=lambda _event: None
                        )
                    )
                )
        finally:
            control.down(project)
    return row("deploy_local", "s", {"ours": samples})
