"""What becomes of S3's events: queues that take them, and functions that may read those."""

import logging

from visionml.local import ministack
from visionml.local.ministack import Undelivered

log = logging.getLogger("visionml.local")


def install() -> None:
    """Do it from now on."""
    ministack.name_object_versions()
    ministack.ask_queues(_report)
    ministack.read_queues_as_roles()


def _report(undelivered: Undelivered) -> None:
    """Count an event as AWS does: ``FailedInvocations`` of the rule, and nobody is told why."""
    log.warning("The rule %s: %s", undelivered.rule, undelivered.reason)
    datum = {
        "MetricName": "FailedInvocations",
        "Dimensions": [{"Name": "RuleName", "Value": undelivered.rule}],
        "Value": 1,
        "Unit": "Count",
    }
    ministack.put_metric_data("AWS/Events", [datum])
