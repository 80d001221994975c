"""Rules that run a function on a schedule or on events."""

from collections.abc import Sequence

from aws_cdk.aws_events import EventPattern, Rule, Schedule
from aws_cdk.aws_events_targets import LambdaFunction as Target
from constructs import Construct

from visionml.cdk.units.handler import LambdaFunction
from visionml.contracts.names import Names

_ENDED = ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]


def active_version_written(names: Names, operations: Sequence[str]) -> EventPattern:
    """Match Parameter Store's events of active-version: ``Create``, ``Update``, ``Delete``."""
    return EventPattern(
        source=["aws.ssm"],
        detail_type=["Parameter Store Change"],
        detail={"name": [names.active_version_parameter], "operation": list(operations)},
    )


def execution_ended(machine_arn: str) -> EventPattern:
    """Match the end of any execution of a state machine, however it came to it."""
    return EventPattern(
        source=["aws.states"],
        detail_type=["Step Functions Execution Status Change"],
        detail={"stateMachineArn": [machine_arn], "status": _ENDED},
    )


def run_on(
    scope: Construct,
    id: str,  # noqa: A002
    handler: LambdaFunction,
    *,
    name: str,
    description: str,
    schedule: Schedule | None = None,
    event_pattern: EventPattern | None = None,
) -> Rule:
    """Return a rule by the physical name `name` that invokes a function."""
    rule = Rule(
        scope,
        id,
        rule_name=name,
        description=description,
        schedule=schedule,
        event_pattern=event_pattern,
    )
    rule.add_target(Target(handler.function))
    return rule
