"""All checks, and running them."""

from visionml.guardrails import alarms, machines, rollouts, services
from visionml.guardrails.check import Check, Finding, Subject

CHECKS: tuple[Check, ...] = (
    *rollouts.CHECKS,
    *alarms.CHECKS,
    *machines.CHECKS,
    *services.CHECKS,
)
"""In the order in which docs/guardrails.md tells of them."""


def run(subject: Subject) -> list[Finding]:
    """Return what the checks find in an environment that is about to be deployed."""
    return [finding for check in CHECKS for finding in check.run(subject)]
