"""Registered model versions, and putting one into production."""

from collections.abc import Callable

import pandas as pd

from visionml.aws.executions import Step
from visionml.contracts.deployment import DeploymentOutcome
from visionml.contracts.registry import VersionRecord
from visionml.desks.platform import Platform
from visionml.desks.steps import told
from visionml.errors import NotFound
from visionml.promotion import start


class Models:
    """The model versions of an environment."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def registered(self) -> pd.DataFrame:
        """Return every registered version, the newest first, and which one serves."""
        active = self.active()
        rows = [
            {
                "version": record.version,
                "in production": record.version == active,
                "recommended": record.recommended,
                "dataset": f"{record.dataset}@{record.dataset_version}",
                "created": record.created.replace(microsecond=0),
                **record.metrics,
            }
            for record in self._platform.versions.registered()
        ]
        return pd.DataFrame(rows).set_index("version") if rows else pd.DataFrame()

    def open(self, version: str) -> VersionRecord:
        """Return the record of a registered version.

        Raises
        ------
        NotFound
            It is not registered.
        """
        return self._platform.versions.read(version)

    def latest(self) -> VersionRecord:
        """Return the newest registered version.

        Raises
        ------
        NotFound
            There is none.
        """
        found = self._platform.versions.registered()
        if not found:
            raise NotFound(
                "No model version is registered.", hint="Train a model first: `visionml train`."
            )
        return found[0]

    def active(self) -> str | None:
        """Return the version in production, or None before the first promotion."""
        return self._platform.versions.active()

    def promote(
        self, version: str, *, on_step: Callable[[Step], None] | None = None
    ) -> DeploymentOutcome:
        """Put a registered version on the endpoint and wait until it serves.

        Raises
        ------
        NotFound
            The version is not registered.
        RolledBack
            The previous version serves again.
        JobFailed
            The deployment was refused or failed.
        """
        platform = self._platform
        self.open(version)
        machine = platform.machine(platform.names.deployment_machine)
        deployment = start.start(platform.aws.states, machine, version)
        return start.watch(
            platform.aws.states,
            deployment,
            on_step=on_step or told(platform.say),
            interval_seconds=platform.settings.serving.poll_seconds,
        )
