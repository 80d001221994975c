"""One execution at a time has a run."""

from collections.abc import Callable

from pydantic import BaseModel, ConfigDict, ValidationError

from visionml.batch.store import JSON, Store
from visionml.contracts.batch import owner_key
from visionml.errors import Conflict, NotFound


class Owner(BaseModel):
    """Who has a run."""

    model_config = ConfigDict(frozen=True)

    execution: str
    """Its ARN."""


def taken(run_id: str, execution: str, *, store: Store, running: Callable[[str], bool]) -> bool:
    """Take a run for an execution, and return whether it has it now.

    It has it where nobody has, where it had it before, and where the execution that had it is
    over, which `running` says. Of two that try at the same time one has it.
    """
    address = store.at(owner_key(run_id))
    mine = Owner(execution=execution).model_dump_json().encode()
    try:
        store.objects.write(address, mine, content_type=JSON, new=True)
    except Conflict:
        content, etag = store.objects.read_tagged(address)
    else:
        return True
    owner = _read(content)
    if owner is not None and owner.execution == execution:
        return True
    if owner is not None and running(owner.execution):
        return False
    try:
        store.objects.replace(address, mine, etag=etag)
    except (Conflict, NotFound):  # somebody else has taken it meanwhile
        return False
    return True


def _read(content: bytes) -> Owner | None:
    try:
        return Owner.model_validate_json(content)
    except ValidationError:
        return None
