"""What a run reads and writes in S3, and the records of it by name."""

from collections.abc import Iterator
from typing import Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from visionml.aws.s3 import Listed, uri
from visionml.contracts.batch import (
    BatchInput,
    BatchPlan,
    PartReport,
    inputs_key,
    part_of,
    plan_key,
    report_key,
    reports_folder,
)
from visionml.errors import InvalidInput

JSON = "application/json"
LINES = "application/x-ndjson"
_Model = TypeVar("_Model", bound=BaseModel)


class Objects(Protocol):
    """What is asked of S3; `visionml.aws.s3.Objects` is one."""

    def read_bytes(self, address: str) -> bytes:
        """Return an object's bytes."""

    def write(
        self,
        address: str,
        content: bytes | str,
        *,
        content_type: str = "",
        new: bool = False,
    ) -> None:
        """Write an object; with `new`, only when the key is free."""

    def read_tagged(self, address: str) -> tuple[bytes, str]:
        """Return an object's bytes and its ETag."""

    def replace(self, address: str, content: bytes, *, etag: str) -> None:
        """Write an object in the place of one that still has an ETag."""

    def exists(self, address: str) -> bool:
        """Say whether an object exists."""

    def delete(self, address: str) -> None:
        """Delete an object."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys below a prefix."""

    def listing(self, prefix: str) -> Iterator[Listed]:
        """Yield the objects below a prefix."""

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield the prefixes directly below a prefix."""


class Store:
    """The runs in a results bucket."""

    def __init__(self, objects: Objects, bucket: str) -> None:
        self.objects, self.bucket = objects, bucket

    def at(self, key: str) -> str:
        """Return the address of a key."""
        return uri(self.bucket, key)

    def plan(self, run_id: str) -> BatchPlan:
        """Return a run's plan.

        Raises
        ------
        NotFound
            There is none.
        """
        return self.record(BatchPlan, plan_key(run_id))

    def is_planned(self, run_id: str) -> bool:
        """Say whether a run has a plan."""
        return self.objects.exists(self.at(plan_key(run_id)))

    def inputs(self, run_id: str, part: int) -> list[BatchInput]:
        """Return what a part reads."""
        address = self.at(inputs_key(run_id, part))
        lines = self.objects.read_bytes(address).splitlines()
        return [_parsed(BatchInput, line, address) for line in lines]

    def reported(self, run_id: str) -> Iterator[int]:
        """Yield the parts of a run that are done."""
        for key in self.objects.keys(self.at(reports_folder(run_id))):
            part = part_of(key)
            if part is not None:
                yield part

    def report(self, run_id: str, part: int) -> PartReport | None:
        """Return how a part ended, or None while it has not."""
        key = report_key(run_id, part)
        return self.record(PartReport, key) if self.objects.exists(self.at(key)) else None

    def record(self, model: type[_Model], key: str) -> _Model:
        """Return the record at a key.

        Raises
        ------
        NotFound
            There is none.
        InvalidInput
            Something else lies there.
        """
        return _parsed(model, self.objects.read_bytes(self.at(key)), self.at(key))

    def write(self, key: str, record: BaseModel, *, new: bool = False) -> None:
        """Write a record; with `new`, only where none is."""
        self.objects.write(
            self.at(key), record.model_dump_json().encode(), content_type=JSON, new=new
        )


def _parsed(model: type[_Model], content: bytes, address: str) -> _Model:
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, fault["loc"])) or "all of it"
        raise InvalidInput(
            f"{address} holds no {model.__name__}: {where}: {fault['msg']}.",
            hint="Start a run of another id; what is written below runs/ is not to be edited.",
        ) from error
