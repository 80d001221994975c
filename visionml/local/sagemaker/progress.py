"""Numbers in a training job's log, found by its metric definitions."""

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from visionml.local.sagemaker.core import Document, now
from visionml.local.sagemaker.faults import invalid


@dataclass(frozen=True)
class Value:
    """One value of a metric."""

    name: str
    value: float
    time: datetime


@dataclass
class Progress:
    """Reads log lines and keeps what the metric definitions find, in order."""

    expressions: dict[str, re.Pattern[str]]
    publish: Callable[[Value], None]
    values: list[Value] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, line: str) -> None:
        """Take a line of the log."""
        for name, expression in self.expressions.items():
            found = expression.search(line)
            if found is None:
                continue
            try:
                value = Value(name, float(found.group(1)), now())
            except (ValueError, IndexError):
                continue
            with self._lock:
                self.values.append(value)
            self.publish(value)

    def of(self, name: str) -> list[float]:
        """Return the values of one metric so far, in order."""
        with self._lock:
            return [each.value for each in self.values if each.name == name]

    def final(self) -> list[Document]:
        """Return the last value of each metric, as ``FinalMetricDataList``."""
        with self._lock:
            last = {value.name: value for value in self.values}
        return [
            {"MetricName": each.name, "Value": each.value, "Timestamp": each.time}
            for each in last.values()
        ]


def expressions(definitions: Sequence[Document]) -> dict[str, re.Pattern[str]]:
    """Return compiled metric definitions by name.

    Raises
    ------
    Fault
        An expression is not valid, or captures nothing.
    """
    compiled = {}
    for definition in definitions:
        name, text = definition["Name"], definition["Regex"]
        try:
            compiled[name] = re.compile(text)
        except re.error as error:
            raise invalid(f"Invalid regular expression for metric {name}: {error}.") from error
    return compiled
