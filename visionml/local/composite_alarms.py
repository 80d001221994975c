"""Composite alarms in stacks: MiniStack decides them, and has no type for them."""

from visionml.local import ministack
from visionml.local.ministack import Properties, Provisioned


def install() -> None:
    """Let stacks hold them."""
    ministack.register_resource_type(
        "AWS::CloudWatch::CompositeAlarm",
        create=_create,
        update=lambda _id, _old, new, _stack: _put(new),
        delete=lambda name, _properties: ministack.delete_composite_alarm(name),
        replaced_by=("AlarmName",),
        tags=None,  # CloudWatch takes none of CloudFormation's own
    )


def _create(logical_id: str, properties: Properties, stack_name: str) -> Provisioned:
    usual = ministack.physical_name(stack_name, logical_id)
    return _put({"AlarmName": usual, **properties})


def _put(properties: Properties) -> Provisioned:
    return Provisioned(
        str(properties["AlarmName"]), {"Arn": ministack.put_composite_alarm(properties)}
    )
