"""Parameter Store's events: ``Parameter Store Change`` on the default bus."""

from visionml.local import ministack
from visionml.local.ministack import ParameterChange


def install() -> None:
    """Publish an event of each change of a parameter, after it was carried out."""
    ministack.on_parameter_change(_publish)


def _publish(change: ParameterChange) -> None:
    detail = {"operation": change.operation, "name": change.name, "type": change.type}
    if change.description:
        detail["description"] = change.description
    ministack.put_event("aws.ssm", "Parameter Store Change", detail, [change.arn])
