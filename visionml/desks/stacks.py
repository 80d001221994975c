"""The CloudFormation stacks of an environment: deploy, look at, destroy."""

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pandas as pd

from visionml.aws.errors import translated
from visionml.cdk import differences
from visionml.desks import billable
from visionml.desks.emptying import empty
from visionml.desks.leftovers import Leftovers
from visionml.desks.platform import Platform, Say
from visionml.errors import JobFailed, NotFound

_MADE = ("model", "endpoint configuration")
"""What has the deployments' names instead of the environment's."""
_TRIES = 2
"""What stands may write into a bucket until it is gone itself."""


class Progress(NamedTuple):
    """How far a stack is, or a line from a tool that does not say."""

    stack: str
    done: int
    total: int
    line: str


OnProgress = Callable[[Progress], None]


@dataclass(frozen=True)
class Deployed:
    """What a deployment found and did."""

    stacks: pd.DataFrame
    """The stacks that stand."""
    changed: tuple[str, ...] | None = None
    """Those that were created or updated; None where the deployer does not say."""
    recorded: Mapping[str, str] = field(default_factory=dict)
    """Resource types that are only recorded here, and what that leaves undone."""


class Deployer(Protocol):
    """Brings a cloud assembly to where the environment is."""

    def prepare(self, account: str, region: str, *, on_progress: OnProgress) -> None:
        """Make an account ready for its first deployment; done again it changes nothing."""

    def deploy(
        self, assembly: Path, *, on_progress: OnProgress
    ) -> tuple[tuple[str, ...] | None, Mapping[str, str]]:
        """Create or update every stack; return which changed, and what is only recorded."""

    def destroy(self, assembly: Path, *, on_progress: OnProgress) -> None:
        """Delete every stack of the assembly, the ones that build on others first."""


def told(say: Say) -> OnProgress:
    """Tell progress as lines: one for each stack that is done, and every line of a tool."""

    def tell(progress: Progress) -> None:
        if not progress.stack:
            say(progress.line)
        elif progress.done == progress.total:
            say(f"{progress.stack}: {progress.done} of {progress.total}")

    return tell


class Stacks:
    """The stacks of an environment."""

    def __init__(self, platform: Platform, deployer: Deployer) -> None:
        self._platform = platform
        self._deployer = deployer

    def synth(self, output: Path, *, guarded: bool = True) -> list[str]:
        """Write the templates and assets to a folder and return the names of the stacks.

        Raises
        ------
        InvalidInput
            With `guarded`: a guardrail check found something.
        """
        from visionml.cdk.synth import synthesise  # noqa: PLC0415 - takes seconds to import

        assembly = synthesise(self._platform.settings, output, guarded=guarded)
        return [stack.stack_name for stack in assembly.stacks]

    def deploy(self, *, bootstrap: bool = False, on_progress: OnProgress | None = None) -> Deployed:
        """Synthesise, then create or update every stack.

        An account that was never used with the CDK needs `bootstrap` once.

        Raises
        ------
        JobFailed
            A stack failed and was rolled back; the message names the resource and the reason.
        """
        tell = on_progress or told(self._platform.say)
        with tempfile.TemporaryDirectory(prefix="visionml-") as folder:
            self.synth(Path(folder))
            if bootstrap:
                aws = self._platform.aws
                self._deployer.prepare(aws.account, aws.region, on_progress=tell)
            changed, recorded = self._deployer.deploy(Path(folder), on_progress=tell)
        return Deployed(self.table(), changed, recorded)

    def diff(self) -> pd.DataFrame:
        """Return what a deployment would change: kind, stack, resource, type, what.

        ``added``, ``replaced``, ``removed``, ``updated`` and ``permissions widened``; a stack that
        does not stand yet is added with all that it holds.
        """
        with tempfile.TemporaryDirectory(prefix="visionml-") as folder:
            stacks = self.synth(Path(folder), guarded=False)
            wanted = {
                path.name: json.loads(path.read_text(encoding="utf-8"))
                for path in Path(folder).glob("*.template.json")
            }
            files = self._template_files(Path(folder))
        found = differences.between(
            {name: self._deployed(name) for name in stacks},
            {name: wanted[files[name]] for name in stacks},
        )
        rows = [asdict(each) for each in found]
        return pd.DataFrame(rows, columns=pd.Index(["kind", "stack", "resource", "type", "what"]))

    @staticmethod
    def _template_files(assembly: Path) -> dict[str, str]:
        manifest = json.loads((assembly / "manifest.json").read_text(encoding="utf-8"))
        return {
            artifact["properties"]["stackName"]: artifact["properties"]["templateFile"]
            for artifact in manifest["artifacts"].values()
            if artifact["type"] == "aws:cloudformation:stack"
        }

    def _deployed(self, stack: str) -> dict[str, Any]:
        """Return the template of a stack that stands; an empty one where none does."""
        client = self._platform.aws.cloudformation
        try:
            with translated(f"read the template of {stack}"):
                body: Any = client.get_template(StackName=stack, TemplateStage="Original")[
                    "TemplateBody"
                ]
        except NotFound:
            return {}
        found: dict[str, Any] = json.loads(body) if isinstance(body, str) else dict(body)
        return found

    def destroy(self, *, on_progress: OnProgress | None = None) -> pd.DataFrame:
        """Delete every stack and what the machines made; return the stacks that are left.

        Where data is retained, the registered models are as well, and a stack that holds
        retained resources leaves them behind.
        """
        tell = on_progress or told(self._platform.say)
        leftovers = Leftovers(self._platform)
        retained = self._platform.settings.retain_data
        with tempfile.TemporaryDirectory(prefix="visionml-") as folder:
            self.synth(Path(folder), guarded=False)
            if not retained:
                leftovers.release()
            self._delete(Path(folder), tell)
        if not retained:
            leftovers.remove()
        return self.table()

    def _delete(self, assembly: Path, tell: OnProgress) -> None:
        for attempt in range(1, _TRIES + 1):
            names = [name for name, _ in self._standing()]
            empty(self._platform.aws, names, lambda line: tell(Progress("", 0, 0, line)))
            try:
                self._deployer.destroy(assembly, on_progress=tell)
            except JobFailed:
                if attempt == _TRIES:
                    raise
            else:
                return

    def remaining(self) -> pd.DataFrame:
        """Return what costs money and carries the environment's names, whoever made it.

        Where data is retained, it is among them on purpose; `unexpected` leaves it out.
        """
        platform = self._platform
        found = [
            *billable.standing(platform.aws, platform.settings),
            *(each for each in Leftovers(platform).made() if each[0] in _MADE),
        ]
        return pd.DataFrame(found, columns=pd.Index(["kind", "name"]))

    def unexpected(self, remaining: pd.DataFrame) -> pd.DataFrame:
        """Return those of `remaining` that no setting retains."""
        if not self._platform.settings.retain_data:
            return remaining
        kept = (*billable.DATA, *_MADE)
        return remaining[~remaining["kind"].isin(kept)]

    def table(self) -> pd.DataFrame:
        """Return the stacks that stand: name, status, number of resources."""
        rows = [
            {"stack": name, "status": status, "resources": len(self._resources(name))}
            for name, status in self._standing()
        ]
        return pd.DataFrame(rows, columns=pd.Index(["stack", "status", "resources"]))

    def resources(self) -> pd.DataFrame:
        """Return how many resources of each type stand, over all stacks."""
        types = [kind for name, _ in self._standing() for kind in self._resources(name)]
        counted = pd.Series(types, dtype=str).value_counts()
        return counted.rename_axis("type").rename("resources").to_frame()

    def outputs(self) -> dict[str, str]:
        """Return the outputs of every stack."""
        with translated("list the stacks"):
            pages = self._platform.aws.cloudformation.get_paginator("describe_stacks").paginate()
            return {
                output["OutputKey"]: output["OutputValue"]
                for page in pages
                for stack in page["Stacks"]
                if self._ours(stack["StackName"])
                for output in stack.get("Outputs", [])
            }

    def _standing(self) -> list[tuple[str, str]]:
        with translated("list the stacks"):
            pages = self._platform.aws.cloudformation.get_paginator("describe_stacks").paginate()
            found = [(s["StackName"], s["StackStatus"]) for page in pages for s in page["Stacks"]]
        return [
            (name, status)
            for name, status in found
            if self._ours(name) and status != "DELETE_COMPLETE"
        ]

    def _ours(self, stack: str) -> bool:
        before, _, after = self._platform.names.stack("*").partition("*")
        return stack.startswith(before) and stack.endswith(after)

    def _resources(self, stack: str) -> list[str]:
        client = self._platform.aws.cloudformation
        try:
            with translated(f"list the resources of {stack}"):
                pages = client.get_paginator("list_stack_resources").paginate(StackName=stack)
                return [
                    resource["ResourceType"]
                    for page in pages
                    for resource in page["StackResourceSummaries"]
                ]
        except NotFound:  # it was deleted meanwhile
            return []
