"""CloudWatch's metric math, as far as alarms use it: one value per period.

Arithmetic, comparisons, ``AND``, ``OR`` and the functions below, on other metrics by their ids
(docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html). None stands for a
period without data; what is computed from it is None too, unless `FILL` gives it a value.
"""

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping

from visionml.errors import InvalidInput

Value = float | None
_Numbers = list[Value]

_ARITHMETIC: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_OF_ONE: dict[str, Callable[[float], float]] = {
    "ABS": abs,
    "CEIL": math.ceil,
    "FLOOR": math.floor,
}
_OF_MANY: dict[str, Callable[[list[float]], float]] = {
    "SUM": sum,
    "AVG": lambda numbers: sum(numbers) / len(numbers),
    "MIN": min,
    "MAX": max,
}


def references(expression: str) -> set[str]:
    """Return the ids that an expression refers to.

    Raises
    ------
    InvalidInput
        It is no expression, or uses what is not understood here.
    """
    tree = _parse(expression)
    calls = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = [n for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in calls]
    evaluate(expression, {name.id: None for name in names})
    return {name.id for name in names}


def evaluate(expression: str, values: Mapping[str, Value]) -> Value:
    """Return an expression's value in one period, from the values of other metrics there.

    Raises
    ------
    InvalidInput
        It is no expression, names an unknown id, or uses what is not understood here.
    """
    value = _value(_parse(expression), values)
    if isinstance(value, list):
        raise InvalidInput(f"The expression {expression} gives more than one series.")
    return value


def _parse(expression: str) -> ast.expr:
    text = re.sub(r"\bAND\b|&&", " and ", expression)
    text = re.sub(r"\bOR\b|\|\|", " or ", text).replace("^", "**")
    try:
        return ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise InvalidInput(f"{expression} is no metric math expression: {error.msg}.") from error


def _value(  # noqa: PLR0911  (one return per kind of expression)
    node: ast.expr, values: Mapping[str, Value]
) -> Value | _Numbers:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name) if name in values:
            return values[name]
        case ast.List(elts=elements):
            return [_number(each, values) for each in elements]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            number_or_none = _number(operand, values)
            return None if number_or_none is None else -number_or_none
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            return _both(_ARITHMETIC[type(op)], _number(left, values), _number(right, values))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARISONS:
            return _both(_COMPARISONS[type(op)], _number(left, values), _number(right, values))
        case ast.BoolOp(op=op, values=sides):
            return _logic([_number(each, values) for each in sides], every=isinstance(op, ast.And))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return _call(name, arguments, values)
    raise InvalidInput(f"Metric math here does not understand {ast.unparse(node)}.")


def _number(node: ast.expr, values: Mapping[str, Value]) -> Value:
    value = _value(node, values)
    if isinstance(value, list):
        raise InvalidInput(f"{ast.unparse(node)} gives more than one series.")
    return value


def _both(compute: Callable[[float, float], float], left: Value, right: Value) -> Value:
    if left is None or right is None:
        return None
    try:
        return float(compute(left, right))
    except ZeroDivisionError:  # CloudWatch has no data point there
        return None


def _logic(sides: _Numbers, *, every: bool) -> Value:
    if any(side is None for side in sides):
        return None
    return float(all(sides) if every else any(sides))


def _call(name: str, arguments: list[ast.expr], values: Mapping[str, Value]) -> Value:
    if name == "IF" and len(arguments) == 3:
        condition = _number(arguments[0], values)
        chosen = arguments[1] if condition else arguments[2]
        return None if condition is None else _number(chosen, values)
    if name == "FILL" and len(arguments) == 2:
        value = _number(arguments[0], values)
        return _number(arguments[1], values) if value is None else value
    if name in _OF_ONE and len(arguments) == 1:
        one = _number(arguments[0], values)
        return None if one is None else float(_OF_ONE[name](one))
    if name in _OF_MANY and len(arguments) == 1:
        many = _value(arguments[0], values)
        present = [
            each for each in (many if isinstance(many, list) else [many]) if each is not None
        ]
        return float(_OF_MANY[name](present)) if present else None
    raise InvalidInput(f"Metric math here does not understand {name} of {len(arguments)}.")
