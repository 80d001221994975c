"""Registered model versions, and putting one into production or back into it."""

from collections.abc import Callable

import pandas as pd

from visionml.aws import endpoint
from visionml.aws.executions import Step
from visionml.contracts.deployment import DeploymentOutcome
from visionml.contracts.names import VARIANT_A
from visionml.contracts.registry import VersionRecord
from visionml.desks.deployments import Deployment
from visionml.desks.platform import Platform
from visionml.errors import NotFound
from visionml.promotion import rollback, start
from visionml.promotion.in_service import InService, in_service


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
        """Return the newest version that can be deployed.

        Raises
        ------
        NotFound
            There is none.
        """
        found = [each for each in self._platform.versions.registered() if not each.expired]
        if not found:
            raise NotFound(
                "No model version is registered.", hint="Train a model first: `visionml train`."
            )
        return found[0]

    def active(self) -> str | None:
        """Return the version in production, or None before the first promotion."""
        return self._platform.versions.active()

    def serving(self) -> InService:
        """Return what the endpoint runs, read off the endpoint itself.

        Raises
        ------
        NotFound
            There is no endpoint.
        """
        platform = self._platform
        client = platform.aws.sagemaker
        return in_service(
            endpoint.describe(client, platform.names.endpoint),
            artefact=lambda config: endpoint.artefacts(client, config).get(VARIANT_A),
            versions=platform.versions,
            prefix=platform.settings.prefix,
            environment=platform.settings.environment,
        )

    def promote(
        self,
        version: str,
        *,
        challenger: str | None = None,
        shadow: str | None = None,
        bake_seconds: int | None = None,
        on_step: Callable[[Step], None] | None = None,
    ) -> DeploymentOutcome:
        """Put a registered version on the endpoint and wait until it serves.

        A challenger answers a share of the requests beside it; a shadow gets a copy of them.
        Alarms are watched for `bake_seconds` after each shift of traffic, but never for a shorter
        time than the settings ask.

        Raises
        ------
        NotFound
            A version is not registered.
        RolledBack
            The previous version serves again.
        JobFailed
            The deployment was refused or failed.
        """
        started = self.start_promotion(
            version, challenger=challenger, shadow=shadow, bake_seconds=bake_seconds
        )
        return started.watch(on_step=on_step)

    def start_promotion(
        self,
        version: str,
        *,
        challenger: str | None = None,
        shadow: str | None = None,
        bake_seconds: int | None = None,
    ) -> Deployment:
        """Begin to put a registered version on the endpoint; see `promote`."""
        platform = self._platform
        for each in filter(None, (version, challenger, shadow)):
            self.open(each)
        deployment = start.start(
            platform.aws.states,
            self._machine(),
            version,
            challenger=challenger,
            shadow=shadow,
            bake_seconds=bake_seconds,
        )
        return Deployment(platform, deployment.deployment_id)

    def rollback(
        self, to: str | None = None, *, on_step: Callable[[Step], None] | None = None
    ) -> DeploymentOutcome:
        """Go back to a version that has served, or to the previous one, and wait until it serves.

        The outcome is ``promoted`` of that version, or ``unchanged`` where it serves already. Where
        it does so beside a challenger, naming it takes the challenger away. Who asks while a
        rollback is under way gets that one.

        Raises
        ------
        InvalidInput
            That is no version's name.
        NotFound
            The version is unknown, its artefact is gone, or none has served before.
        Conflict
            The version was cleaned, or has never served.
        RolledBack
            The rollback was itself taken back by an alarm.
        JobFailed
            It was refused or failed.
        """
        started = self.start_rollback(to)
        return started.watch(on_step=on_step) if isinstance(started, Deployment) else started

    def start_rollback(self, to: str | None = None) -> Deployment | DeploymentOutcome:
        """Begin to go back, see `rollback`; where nothing is to be done, return that outcome."""
        platform = self._platform
        states, machine = platform.aws.states, self._machine()
        for request in rollback.under_way(states, machine):
            if request.kind == "rollback" and to in {None, request.model_version}:
                return Deployment(platform, request.deployment_id)
        now = self.serving()
        version = to or rollback.previous(platform.lineage, now)
        accompanied = bool(to) and len(now.endpoint.variants) > 1
        if version == now.version and now.endpoint.in_service and not accompanied:
            return _unchanged(version, now, self.active())
        rollback.restorable(
            version, versions=platform.versions, lineage=platform.lineage, objects=platform.objects
        )
        return Deployment(platform, rollback.begin(states, machine, version).deployment_id)

    def _machine(self) -> str:
        return self._platform.machine(self._platform.names.deployment_machine)


def _unchanged(version: str, now: InService, active: str | None) -> DeploymentOutcome:
    return DeploymentOutcome(
        outcome="unchanged",
        deployment_id=now.deployment_id or "",
        kind="rollback",
        model_version=version,
        active_version=active,
        endpoint_config_name=now.endpoint.config_name,
        reason=f"{now.endpoint.name} serves {version} already. To go back further, name a version.",
    )
