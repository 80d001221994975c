"""A parameter store in memory."""

from collections.abc import Iterator
from datetime import UTC, datetime

from visionml.aws.parameters import Parameter
from visionml.errors import Conflict, NotFound


class MemoryParameters:
    """Stands for ``visionml.aws.parameters.Parameters``."""

    def __init__(self, values: dict[str, str] | None = None) -> None:
        self._past: dict[str, list[Parameter]] = {}
        for name, value in (values or {}).items():
            self.put(name, value)

    def get(self, name: str) -> str:
        return self.history(name)[-1].value

    def find(self, name: str) -> Parameter | None:
        past = self._past.get(name)
        return past[-1] if past else None

    def delete(self, name: str) -> None:
        self._past.pop(name, None)

    def put(self, name: str, value: str, *, new: bool = False) -> int:
        past = self._past.setdefault(name, [])
        if new and past:
            raise Conflict(f"The parameter {name} exists.")
        past.append(Parameter(name, value, len(past) + 1, datetime.now(UTC)))
        return len(past)

    def history(self, name: str) -> list[Parameter]:
        if not self._past.get(name):
            raise NotFound(f"There is no parameter {name}.")
        return list(self._past[name])

    def under(self, path: str) -> Iterator[Parameter]:
        for name, past in self._past.items():
            if name.startswith(path.rstrip("/") + "/") and past:
                yield past[-1]
