"""CloudFormation values as plain text, for reading templates in tests."""

from typing import Any


def text(value: Any) -> str:
    """Return a value with its references written as ``<LogicalId>`` or ``<LogicalId.Arn>``."""
    if not isinstance(value, dict):
        return str(value)
    ((function, argument),) = value.items()
    match function:
        case "Ref":
            return f"<{argument}>"
        case "Fn::GetAtt":
            return f"<{'.'.join(argument)}>"
        case "Fn::Join":
            return str(argument[0]).join(map(text, argument[1]))
        case "Fn::Sub" | "Fn::ImportValue":
            return text(argument)
    raise AssertionError(f"{function} is not understood here.")
