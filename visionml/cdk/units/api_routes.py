"""What APIs serve: methods, paths, functions, and what they take and answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aws_cdk.aws_lambda import IFunction
from pydantic import BaseModel

from visionml.cdk.units.api_models import schema_of
from visionml.contracts.inference import ErrorBody


@dataclass(frozen=True)
class Body:
    """A model of a JSON body; bodies of other types are not looked at."""

    name: str
    schema: Mapping[str, Any]


@dataclass(frozen=True)
class Route:
    """A method of a path."""

    method: str
    path: str
    operation: str
    function: IFunction
    answers: Mapping[int, Body]
    refusals: tuple[int, ...] = ()
    """Its own statuses, besides those that any request may get."""
    body: Body | None = None
    parameters: Mapping[str, bool] = field(default_factory=dict)
    """Such as ``path.id``, and whether a request must have it; those of the cache come on top."""

    @property
    def bodies(self) -> dict[int, Body]:
        """What is answered, by status."""
        refused = dict.fromkeys((*self.refusals, *_ALWAYS), _ERROR)
        return dict(sorted({**refused, **self.answers}.items()))


def headers_of(status: int, path: str) -> list[str]:
    """Return the headers that belong to an answer."""
    if status in {429, 503} or (status == 202 and path.startswith("/predictions")):
        return ["Retry-After"]
    return ["Location"] if status == 202 else []


def body_of(record: type[BaseModel]) -> Body:
    """Return the model of a record."""
    return Body(record.__name__, schema_of(record))


_ERROR = body_of(ErrorBody)
_ALWAYS = (403, 429, 500, 502, 504)
"""No key, too many requests, a fault, an answer that is none, an answer that took too long."""
