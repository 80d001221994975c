"""Rules that run a function on a schedule or on events."""

from aws_cdk.aws_events import EventPattern, Rule, Schedule
from aws_cdk.aws_events_targets import LambdaFunction
from constructs import Construct

from visionml.cdk.units.handler import Handler


def run_on(
    scope: Construct,
    id: str,  # noqa: A002
    handler: Handler,
    *,
    name: str,
    description: str,
    schedule: Schedule | None = None,
    event_pattern: EventPattern | None = None,
) -> Rule:
    """Return a rule by the physical name `name` that invokes a handler's function."""
    rule = Rule(
        scope,
        id,
        rule_name=name,
        description=description,
        schedule=schedule,
        event_pattern=event_pattern,
    )
    rule.add_target(LambdaFunction(handler.function))
    return rule
