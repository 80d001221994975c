"""What Athena says of queries that do not work, made of what the engine says."""

import re

_CARET = re.compile(r"LINE (\d+): .*\n(\s*)\^", re.MULTILINE)
_NEAR = re.compile(r'syntax error at or near "([^"]*)"')
_COLUMN = re.compile(r'(?:Referenced column|column|Column) "([^"]+)"')
_FUNCTION = re.compile(r"Function with name (\S+) does not exist")


_KINDS = {
    "BinderException": "TYPE_MISMATCH",
    "ConversionException": "INVALID_CAST_ARGUMENT",
    "ParserException": "SYNTAX_ERROR",
}


class QueryFailed(Exception):
    """A query ends without rows; the text is its ``StateChangeReason``."""

    def __init__(self, reason: str, *, started: bool = True, cancelled: bool = False) -> None:
        super().__init__(reason)
        self.started = started
        """False: StartQueryExecution itself refuses it."""
        self.cancelled = cancelled

    @classmethod
    def at(cls, query: str, position: int, reason: str) -> "QueryFailed":
        """Return a failure whose ``{at}`` is a position in a query."""
        line = query.count("\n", 0, position) + 1
        column = position - (query.rfind("\n", 0, position) + 1) + 1
        return cls(reason.format(at=f"line {line}:{column}"))


def parse_failure(error: Exception, query: str) -> QueryFailed:
    """Return the refusal of a text that is no SQL."""
    said = str(error)
    near = _NEAR.search(said)
    if near:
        word = near[1] or "<EOF>"
        return QueryFailed(f"{_where(said, query)}: mismatched input '{word}'", started=False)
    if "end of input" in said:
        return QueryFailed(f"{_where(said, query)}: mismatched input '<EOF>'", started=False)
    return QueryFailed(f"{_where(said, query)}: {_first(said)}", started=False)


def failure(error: Exception, query: str) -> QueryFailed:
    """Return the failure of a query that was begun."""
    said = str(error)
    where = _where(said, query)
    column, function = _COLUMN.search(said), _FUNCTION.search(said)
    kind = type(error).__name__
    if kind == "BinderException" and column:
        return QueryFailed(
            f"COLUMN_NOT_FOUND: {where}: Column '{column[1]}' cannot be resolved or requester is "
            "not authorized to access requested resources"
        )
    if function:
        return QueryFailed(f"FUNCTION_NOT_FOUND: {where}: Function '{function[1]}' not registered")
    if kind in _KINDS:
        return QueryFailed(f"{_KINDS[kind]}: {where}: {_first(said)}")
    if kind == "InvalidInputException" and "parameter" in said.lower():
        return QueryFailed("INVALID_PARAMETER_USAGE: Incorrect number of parameters")
    return QueryFailed(f"GENERIC_INTERNAL_ERROR: {_first(said)}")


def _first(said: str) -> str:
    return said.split("\n", 1)[0].split("Error: ", 1)[-1]


def _where(said: str, query: str) -> str:
    found = _CARET.search(said)
    if not found:
        lines = query.splitlines() or [""]
        return f"line {len(lines)}:{len(lines[-1]) + 1}"
    margin = len(f"LINE {found[1]}: ")
    return f"line {found[1]}:{max(1, len(found[2]) - margin + 1)}"
