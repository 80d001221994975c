"""All checks, and running them."""

from visionml.errors import SettingsInvalid
from visionml.guardrails import alarms, exposure, machines, reach, rollouts, services
from visionml.guardrails.check import Check, Finding, Subject

CHECKS: tuple[Check, ...] = (
    *rollouts.CHECKS,
    *alarms.CHECKS,
    *machines.CHECKS,
    *services.CHECKS,
    *exposure.CHECKS,
    *reach.CHECKS,
)
"""In the order in which docs/guardrails.md tells of them."""


def run(subject: Subject) -> list[Finding]:
    """Return what the checks find in an environment that is about to be deployed.

    Raises
    ------
    SettingsInvalid
        The settings waive a check that does not exist.
    """
    unknown = subject.settings.waived_checks.keys() - {check.name for check in CHECKS}
    if unknown:
        raise SettingsInvalid(
            f"waived_checks: there is no check named {min(unknown)!r}.",
            hint="docs/guardrails.md lists them.",
        )
    return [finding for check in CHECKS for finding in check.run(subject)]
