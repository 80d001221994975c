"""The guardrail checks: on what is about to be deployed, and on what stands."""

import tempfile
from pathlib import Path

from visionml.aws import endpoint
from visionml.aws.errors import translated
from visionml.contracts.settings import Settings
from visionml.desks.platform import Platform
from visionml.guardrails import live
from visionml.guardrails.check import Finding


def planned(settings: Settings) -> list[Finding]:
    """Synthesise an environment and return what the checks find; needs no account."""
    from visionml.cdk import guard, synth  # noqa: PLC0415 - takes seconds to import

    with tempfile.TemporaryDirectory(prefix="visionml-") as folder:
        synth.synthesise(settings, Path(folder), guarded=False)
        return guard.findings(settings, Path(folder))


class Guardrails:
    """The checks of an environment."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def planned(self) -> list[Finding]:
        """Return what the checks find in the settings and the templates that they give."""
        return planned(self._platform.settings)

    def standing(self) -> list[Finding]:
        """Return what would stop or harm the next rollout on the environment as it stands."""
        return live.check(self._look(), self._platform.settings.serving)

    def _look(self) -> live.Standing:
        platform = self._platform
        found = endpoint.find(platform.aws.sagemaker, platform.names.endpoint)
        wanted = platform.names.rollback_alarms()
        with translated("read the rollback alarms"):
            alarms = platform.aws.cloudwatch.describe_alarms(AlarmNames=list(wanted))
        return live.Standing(
            endpoint_status=found.status if found else None,
            instances={each.name: each.instances for each in found.variants} if found else {},
            wanted_alarms=wanted,
            alarm_states={
                alarm["AlarmName"]: alarm["StateValue"] for alarm in alarms["MetricAlarms"]
            },
            active_version=platform.versions.active(),
            registered=frozenset(each.version for each in platform.versions.registered()),
        )
