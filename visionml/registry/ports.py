"""What the registry needs from the outside; ``visionml.aws`` has the adapters."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from visionml.aws.jobs import Job, Kind, Trial
from visionml.aws.packages import Package, PackageSpec
from visionml.aws.parameters import Parameter
from visionml.aws.table import Item


class Items(Protocol):
    """A table with the keys ``PK`` and ``SK``: ``visionml.aws.table.Table``."""

    def put(self, item: Item, *, expected: Mapping[str, str | None] | None = None) -> None:
        """Write an item; raise Conflict when the stored one is not as expected."""

    def put_together(self, items: Sequence[Item]) -> None:
        """Write all items or none."""

    def get(self, pk: str, sk: str) -> Item | None:
        """Return one item as last written, or None."""

    def query(self, pk: str, *, sk_prefix: str = "") -> Iterator[Item]:
        """Yield the items of one partition, in the order of their sort keys."""

    def query_index(
        self, index: str, *, partition: tuple[str, str], newest_first: bool = True
    ) -> Iterator[Item]:
        """Yield the items of one partition of a global index."""


class ParameterStore(Protocol):
    """Named texts with a history: ``visionml.aws.parameters.Parameters``."""

    def get(self, name: str) -> str:
        """Return a value; raise NotFound when there is none."""

    def put(self, name: str, value: str, *, new: bool = False) -> int:
        """Set a value and return its version; with `new`, raise Conflict when it exists."""

    def find(self, name: str) -> Parameter | None:
        """Return a parameter as it is now, or None when there is none."""

    def delete(self, name: str) -> None:
        """Delete a parameter; one that is gone already is no error."""

    def history(self, name: str) -> list[Parameter]:
        """Return the values that a parameter had, the oldest first."""

    def under(self, path: str) -> Iterator[Parameter]:
        """Yield every parameter below a path."""


class PackageGroup(Protocol):
    """Model packages: ``visionml.aws.packages.Packages``."""

    def create(self, group: str, spec: PackageSpec) -> str:
        """Add a package to a group and return its ARN; the same token is the same package."""

    def describe(self, arn: str) -> Package:
        """Return one package; raise NotFound when there is none."""


class ObjectStore(Protocol):
    """Objects by ``s3://`` URI: ``visionml.aws.s3.Objects``."""

    def read_json(self, address: str) -> Any:
        """Return an object's JSON value; raise NotFound when there is none."""

    def exists(self, address: str) -> bool:
        """Say whether an object exists."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the key of every object below an ``s3://`` prefix."""


class JobReader(Protocol):
    """SageMaker's jobs: ``visionml.aws.jobs.Jobs``."""

    def find(self, kind: Kind, name: str) -> Job | None:
        """Return a job, or None when there is none of that name."""

    def describe(self, kind: Kind, name: str) -> Job:
        """Return a job; raise NotFound when there is none."""

    def trials(self, tuning_job: str) -> Iterator[Trial]:
        """Yield the training jobs of a tuning job."""
