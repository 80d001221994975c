"""The operations on tags."""

from visionml.local.sagemaker.core import Caller, Document, Record
from visionml.local.sagemaker.faults import invalid
from visionml.local.sagemaker.state import State

_MOST = 50


def add_tags(state: State, caller: Caller, request: Document) -> Document:
    """AddTags."""
    del caller
    record = _record(state, request["ResourceArn"])
    with record.lock:
        tags = {**record.tags, **{tag["Key"]: tag["Value"] for tag in request["Tags"]}}
        if len(tags) > _MOST:
            raise invalid(f"A resource can have at most {_MOST} tags.")
        record.tags = tags
    return {"Tags": _listed(record)}


def list_tags(state: State, caller: Caller, request: Document) -> Document:
    """ListTags."""
    del caller
    return {"Tags": _listed(_record(state, request["ResourceArn"]))}


def delete_tags(state: State, caller: Caller, request: Document) -> Document:
    """DeleteTags."""
    del caller
    record = _record(state, request["ResourceArn"])
    with record.lock:
        kept = {key: value for key, value in record.tags.items() if key not in request["TagKeys"]}
        record.tags = kept
    return {}


def _record(state: State, arn: str) -> Record:
    record = state.record(arn)
    if record is None:
        raise invalid(f"Could not find resource {arn}.")
    return record


def _listed(record: Record) -> list[Document]:
    return [{"Key": key, "Value": value} for key, value in sorted(record.tags.items())]
