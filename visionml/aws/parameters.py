"""Values in Systems Manager Parameter Store."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from visionml.aws.errors import translated
from visionml.errors import NotFound

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient


class Parameter(NamedTuple):
    """One value that a parameter has or had; `version` counts from 1."""

    name: str
    value: str
    version: int
    modified: datetime


class Parameters:
    """Reads and writes plain text parameters by their full names."""

    def __init__(self, client: "SSMClient") -> None:
        self._client = client

    def get(self, name: str) -> str:
        """Return a parameter's value.

        Raises
        ------
        NotFound
            There is no such parameter.
        """
        with translated(f"read the parameter {name}"):
            return self._client.get_parameter(Name=name)["Parameter"]["Value"]

    def find(self, name: str) -> Parameter | None:
        """Return a parameter as it is now, or None when there is none."""
        try:
            with translated(f"read the parameter {name}"):
                found = self._client.get_parameter(Name=name)["Parameter"]
        except NotFound:
            return None
        return Parameter(name, found["Value"], found["Version"], found["LastModifiedDate"])

    def put(self, name: str, value: str, *, new: bool = False) -> int:
        """Set a parameter and return its version; with `new`, only when it does not exist.

        Raises
        ------
        Conflict
            With `new`: the parameter exists.
        """
        with translated(f"write the parameter {name}"):
            return self._client.put_parameter(
                Name=name, Value=value, Type="String", Overwrite=not new
            )["Version"]

    def history(self, name: str) -> list[Parameter]:
        """Return the values that a parameter had, the oldest first; AWS keeps the last 100."""
        pages = self._client.get_paginator("get_parameter_history").paginate(Name=name)
        with translated(f"read the history of the parameter {name}"):
            past = [
                Parameter(name, found["Value"], found["Version"], found["LastModifiedDate"])
                for page in pages
                for found in page["Parameters"]
            ]
        return sorted(past, key=lambda parameter: parameter.version)

    def under(self, path: str) -> Iterator[Parameter]:
        """Yield every parameter below a path such as ``/ml-pipeline/models/versions``."""
        pages = self._client.get_paginator("get_parameters_by_path").paginate(
            Path=path, Recursive=True
        )
        with translated(f"list the parameters under {path}"):
            for page in pages:
                for found in page["Parameters"]:
                    yield Parameter(
                        found["Name"],
                        found["Value"],
                        found["Version"],
                        found["LastModifiedDate"],
                    )

    def delete(self, name: str) -> None:
        """Delete a parameter with its history; one that is gone already is no error."""
        try:
            with translated(f"delete the parameter {name}"):
                self._client.delete_parameter(Name=name)
        except NotFound:
            return
