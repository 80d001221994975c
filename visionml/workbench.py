"""The front desk of notebooks and ad-hoc work: ``open("local")`` or ``open("dev")``.

>>> from visionml import workbench
>>> session = workbench.open("local")
>>> session.models.registered()

A session's attributes are desks: ``stacks``, ``cost``, ``images``, ``detector``, ``datasets``,
``runs``, ``tuning``, ``studio``, ``models``, ``deployments``, ``endpoint``, ``api``,
``predictions``, ``acceptance``, ``streams``, ``batch``, ``experiments``, ``lineage``, ``alarms``,
``drift``, ``security``, ``queries``, ``traffic`` and ``drill``; ``session.query(...)`` asks for a
table of results.
Every environment offers the same; only here, and in the command line, is it decided whether an
environment is the embedded AWS or an account.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

from visionml.aws.session import Aws
from visionml.contracts import settings
from visionml.desks.acceptance import Acceptance
from visionml.desks.alarms import Alarms
from visionml.desks.api import Api
from visionml.desks.batches import Batches
from visionml.desks.card import Card
from visionml.desks.cdk_cli import CdkCli
from visionml.desks.costs import Costs
from visionml.desks.datasets import Datasets
from visionml.desks.deployments import Deployments
from visionml.desks.detector import Detector, Labeller, LabelSource, Rekognised
from visionml.desks.drift import Drift
from visionml.desks.drill import Drill
from visionml.desks.endpoint import Endpoint
from visionml.desks.experiments import Experiments
from visionml.desks.guardrails import Guardrails
from visionml.desks.images import Images
from visionml.desks.lineage import Lineage
from visionml.desks.metrics import Metrics
from visionml.desks.models import Models
from visionml.desks.platform import Platform, Say
from visionml.desks.predictions import Predictions
from visionml.desks.queries import Queries
from visionml.desks.runs import Runs
from visionml.desks.security import Calls, Security
from visionml.desks.stacks import Deployer, OnProgress, Progress, Stacks
from visionml.desks.streams import Streams
from visionml.desks.studio import Studio
from visionml.desks.traffic import Traffic
from visionml.desks.tuning import Tuning

if TYPE_CHECKING:
    import pandas as pd

    from visionml.local.deploy import Event
    from visionml.local.state import Project

LOCAL = "local"


class Session:
    """One environment of the platform, opened for work."""

    def __init__(
        self, platform: Platform, deployer: Deployer, labels: LabelSource, calls: Calls
    ) -> None:
        self.settings = platform.settings
        self.names = platform.names
        self.aws = platform.aws
        self.stacks = Stacks(platform, deployer)
        self.cost = Costs(platform)
        self.images = Images(platform)
        self.datasets = Datasets(platform)
        self.runs = Runs(platform)
        self.detector = Detector(platform, labels, datasets=self.datasets, runs=self.runs)
        self.tuning = Tuning(platform)
        self.studio = Studio(platform)
        self.models = Models(platform)
        self.deployments = Deployments(platform)
        self.endpoint = Endpoint(platform)
        self.api = Api(platform)
        self.predictions = Predictions(self.api)
        self.acceptance = Acceptance(self.api)
        self.streams = Streams(platform)
        self.batch = Batches(platform)
        self.experiments = Experiments(
            platform, endpoint=self.endpoint, api=self.api, predictions=self.predictions
        )
        self.lineage = Lineage(platform)
        self.alarms = Alarms(platform)
        self.metrics = Metrics(platform)
        self.drift = Drift(platform, api=self.api)
        self.guardrails = Guardrails(platform)
        self.security = Security(platform, calls)
        self.queries = Queries(platform)
        self.traffic = Traffic(platform)
        self.drill = Drill(
            platform,
            datasets=self.datasets,
            runs=self.runs,
            models=self.models,
            traffic=self.traffic,
        )

    def __repr__(self) -> str:
        return f"<Session of {self.settings.environment} in {self.aws.region}>"

    def query(self, query: str, /, **parameters: Any) -> "pd.DataFrame":
        """Ask a saved query by its name, or SQL; `Queries.run` says how."""
        return self.queries.run(query, **parameters)

    def describe(self) -> Card:
        """Return where this session works, to be looked at."""
        return Card(
            f"Environment {self.settings.environment}",
            {
                "account": self.aws.account,
                "region": self.aws.region,
                "name prefix": self.settings.prefix,
                "stacks": ", ".join(self.stacks.table()["stack"]) or "none yet",
                "model in production": self._active() or "none yet",
            },
        )

    def _active(self) -> str | None:
        return self.models.active()


def open(  # noqa: A001 - read as workbench.open
    environment: str, *, overrides: Mapping[str, Any] | None = None, say: Say = print
) -> Session:
    """Open an environment: ``local`` is the embedded AWS, others are accounts.

    Accounts are reached with the credentials that boto3 finds. `overrides` are settings such as
    ``{"training.gates.minimum_accuracy": 0.9}``; `say` takes lines of progress.

    Raises
    ------
    SettingsInvalid
        There is no such environment, or an override does not fit.
    NotFound
        The embedded AWS is not running.
    """
    wanted = settings.load(environment, overrides)
    if environment == LOCAL:
        return _embedded(wanted, say)
    platform = Platform(
        settings=wanted,
        aws=Aws(boto3.Session(region_name=wanted.region)),
        say=say,
        api_address=lambda api, stage: (
            f"https://{api}.execute-api.{wanted.region}.amazonaws.com/{stage}"
        ),
        ca_bundle=None,
    )
    return Session(platform, CdkCli(), Rekognised(), lambda: None)


def _embedded(wanted: settings.Settings, say: Say) -> Session:
    from visionml.local import state  # noqa: PLC0415 - accounts do without it

    project = state.Project.find()
    running = state.read(project)
    platform = Platform(
        settings=wanted,
        aws=running.connect(),
        say=say,
        api_address=lambda api, stage: (
            f"{running.endpoint_url}/restapis/{api}/{stage}/_user_request_"
        ),
        ca_bundle=running.ca_bundle,
    )
    return Session(
        platform, _EmbeddedDeployer(), _EmbeddedLabels(project), _recorded_calls(project)
    )


def _recorded_calls(project: "Project") -> Calls:
    from visionml.local import calls  # noqa: PLC0415 - accounts do without it

    return lambda: calls.read(project)


class _EmbeddedLabels:
    """The embedded AWS's Rekognition, which looks at pictures by a model that is registered."""

    name = "the embedded Rekognition, by a model of this platform"
    takes_models = True

    def __init__(self, project: "Project") -> None:
        self._project = project

    def registered(self) -> Labeller | None:
        from visionml.local.rekognition import registered  # noqa: PLC0415 - as above

        found = registered.registered(self._project)
        return Labeller(found.version, found.artefact) if found else None

    def register(self, *, artefact: str, version: str) -> None:
        from visionml.local.rekognition import registered  # noqa: PLC0415 - as above

        registered.register(self._project, artefact=artefact, version=version)


class _EmbeddedDeployer:
    """Deploys to the embedded AWS, without Docker and without the CDK's command line."""

    def prepare(self, account: str, region: str, *, on_progress: OnProgress) -> None:
        on_progress(
            Progress("", 0, 0, f"The embedded AWS {account} in {region} is ready as it is.")
        )

    def deploy(
        self, assembly: Path, *, on_progress: OnProgress
    ) -> tuple[tuple[str, ...], Mapping[str, str]]:
        from visionml.local import deploy  # noqa: PLC0415 - accounts do without it

        outcome = deploy.deploy(assembly, on_event=_heard(on_progress))
        return outcome.changed, outcome.recorded

    def destroy(self, assembly: Path, *, on_progress: OnProgress) -> None:
        from visionml.local import deploy  # noqa: PLC0415 - accounts do without it

        deploy.destroy(assembly, on_event=_heard(on_progress))


def _heard(on_progress: OnProgress) -> "Callable[[Event], None]":
    def hear(event: "Event") -> None:
        line = f"{event.logical_id} {event.status} {event.reason}".rstrip()
        on_progress(Progress(event.stack, event.done, event.total, line))

    return hear
