"""Which images a run reads, in which parts: decided once, and kept."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TypeVar

from visionml.aws.s3 import uri
from visionml.batch.store import LINES, Store
from visionml.contracts.batch import (
    BatchGroup,
    BatchInput,
    BatchPlan,
    BatchRequest,
    batch_folder,
    inputs_key,
    plan_key,
    transform_input_key,
)
from visionml.contracts.registry import VersionRecord
from visionml.errors import Conflict, InvalidInput, NotFound

_T = TypeVar("_T")


@dataclass(frozen=True)
class Cut:
    """How a run is divided."""

    images_per_part: int = 2_000
    parts_per_group: int = 1_000
    images_per_record: int = 8
    """Of a transform job, which asks the container for them together."""


def check_source(request: BatchRequest, *, buckets: Collection[str]) -> None:
    """Refuse a bucket that is none of those that runs may read."""
    if request.bucket not in buckets:
        raise InvalidInput(
            f"Batch runs do not read from the bucket {request.bucket[:100]!r}.",
            hint=f"Put the images into {' or '.join(sorted(buckets))}.",
        )


def planned(
    request: BatchRequest,
    *,
    store: Store,
    version: Callable[[], VersionRecord | None],
    cut: Cut,
    now: datetime,
) -> BatchPlan:
    """Return a run's plan: the one that is there, or a new one of what lies below its prefix.

    Parameters
    ----------
    version
        Returns the model version that is asked for, or the one in production; asked for a new
        plan alone.
    now
        Its day, in UTC, is that of the rows.

    Raises
    ------
    Conflict
        The run was planned for another request.
    NotFound, InvalidInput
        A model is needed, and there is none, or it was cleaned.
    """
    if not store.objects.exists(store.at(plan_key(request.run_id))):
        try:
            return _new(request, store=store, version=version(), cut=cut, now=now)
        except Conflict:  # another planner was faster
            pass
    plan = store.plan(request.run_id)
    if plan.request != request:
        raise Conflict(
            f"The run {request.run_id} was planned for another request.",
            hint="Give each request an id of its own.",
        )
    return plan


def remaining(
    plan: BatchPlan, done: Iterable[int], *, parts_per_group: int
) -> tuple[BatchGroup, ...]:
    """Return the groups of parts that are not done, neighbours together."""
    finished = frozenset(done)
    groups: list[BatchGroup] = []
    for part in range(plan.parts):
        if part in finished:
            continue
        last = groups[-1] if groups else None
        if last and last.first + last.size == part and last.size < parts_per_group:
            groups[-1] = BatchGroup(first=last.first, size=last.size + 1)
        else:
            groups.append(BatchGroup(first=part, size=1))
    return tuple(groups)


def missing_parts(plan: BatchPlan, done: Iterable[int]) -> list[int]:
    """Return the parts of a run that have no report."""
    return sorted(set(range(plan.parts)) - set(done))


def _new(
    request: BatchRequest, *, store: Store, version: VersionRecord | None, cut: Cut, now: datetime
) -> BatchPlan:
    _check_version(request, version)
    inputs = parts = 0
    for part, images in enumerate(_runs_of(_images(request, store), cut.images_per_part)):
        _write_part(request, store, part, images, cut)
        inputs, parts = inputs + len(images), part + 1
    _forget_parts_from(parts, request, store)
    plan = BatchPlan(
        run_id=request.run_id,
        request=request,
        day=f"{now:%Y-%m-%d}",
        model_version=version.version if version else None,
        artefact=version.artefact if version else None,
        created=now,
        inputs=inputs,
        parts=parts,
        groups=tuple(
            BatchGroup(first=first, size=min(cut.parts_per_group, parts - first))
            for first in range(0, parts, cut.parts_per_group)
        ),
    )
    store.write(plan_key(request.run_id), plan, new=True)
    return plan


def _check_version(request: BatchRequest, version: VersionRecord | None) -> None:
    if request.method == "endpoint":
        return
    if version is None:
        raise NotFound(
            f"The method {request.method} needs a model, and none is in production.",
            hint="Name a version, or promote one first.",
        )
    if version.expired is not None:
        raise InvalidInput(
            f"The artefact of {version.version} was cleaned.", hint="Name a newer version."
        )


def _images(request: BatchRequest, store: Store) -> Iterator[BatchInput]:
    """Yield what lies below the prefix, but for what stands for folders."""
    for found in store.objects.listing(uri(request.bucket, request.prefix)):
        if not found.key.endswith("/"):
            yield BatchInput(key=found.key, etag=found.etag, bytes=found.bytes)


def _write_part(
    request: BatchRequest, store: Store, part: int, images: list[BatchInput], cut: Cut
) -> None:
    lines = "".join(f"{each.model_dump_json(exclude_none=True)}\n" for each in images)
    store.objects.write(
        store.at(inputs_key(request.run_id, part)), lines.encode(), content_type=LINES
    )
    if request.method == "transform":
        records = "".join(
            json.dumps([{"s3": uri(request.bucket, each.key)} for each in together]) + "\n"
            for together in _runs_of(images, cut.images_per_record)
        )
        key = transform_input_key(request.run_id, part)
        store.objects.write(store.at(key), records.encode(), content_type=LINES)


def _forget_parts_from(first: int, request: BatchRequest, store: Store) -> None:
    """Delete what a planner left that saw more images and came to no end."""
    for key in list(store.objects.keys(store.at(batch_folder(request.run_id)))):
        number = key.rpartition("/")[2].removesuffix(".jsonl")
        if key.endswith(".jsonl") and number.isdigit() and int(number) >= first:
            store.objects.delete(store.at(key))


def _runs_of(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    remaining_items = iter(items)
    while together := list(islice(remaining_items, size)):
        yield together
