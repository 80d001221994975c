"""What every SageMaker resource has: a scope, an ARN, times, tags, and its place in a store."""

import base64
import binascii
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from visionml.local import ministack
from visionml.local.sagemaker.faults import invalid

Document = dict[str, Any]
_PAGE = 10


@dataclass(frozen=True)
class Scope:
    """An account and a region: resources of one are not seen from another."""

    account: str
    region: str

    @classmethod
    def here(cls) -> "Scope":
        """Return the account and region of the request in progress."""
        return cls(ministack.account(), ministack.region())

    def arn(self, kind: str, name: str) -> str:
        """Return an ARN as SageMaker writes it: the name in lower case."""
        return f"arn:aws:sagemaker:{self.region}:{self.account}:{kind}/{name.lower()}"


@dataclass(frozen=True)
class Caller:
    """Whose request it is, and where."""

    scope: Scope
    access_key: str
    arn: str

    @classmethod
    def of_request(cls, headers: Mapping[str, str], query: ministack.Query) -> "Caller":
        """Return who has signed the request in progress."""
        return cls(
            Scope.here(), ministack.access_key(headers, query), ministack.caller_arn(headers, query)
        )

    @classmethod
    def of_machine(cls) -> "Caller":
        """Return the role of the state machine whose task is in progress."""
        session = ministack.register_session(
            ministack.execution_role(), ministack.execution_name() or "step-functions"
        )
        return cls(Scope.here(), session.access_key_id, session.arn)

    @classmethod
    def root(cls, scope: Scope) -> "Caller":
        """Return the account itself, with whose rights its own services act."""
        return cls(scope, scope.account, f"arn:aws:iam::{scope.account}:root")


def now() -> datetime:
    """Return the present time."""
    return datetime.now(UTC)


def tags_of(request: Document) -> dict[str, str]:
    """Return a request's tags by key."""
    return {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}


@dataclass(eq=False)
class Record:
    """A resource: the request that made it, and what has been found out since."""

    scope: Scope
    name: str
    arn: str
    request: Document
    created: datetime = field(default_factory=now)
    modified: datetime = field(default_factory=now)
    tags: dict[str, str] = field(default_factory=dict)
    facts: Document = field(default_factory=dict)
    """Further members of the description; they win over the request's."""
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def learn(self, **facts: Any) -> None:
        """Set members of the description."""
        with self.lock:
            self.facts.update(facts)
            self.modified = now()

    def described(self) -> Document:
        """Return the description; members that an answer's shape lacks are left out there."""
        with self.lock:
            return {
                **self.request,
                **self.facts,
                "CreationTime": self.created,
                "LastModifiedTime": self.modified,
            }


R = TypeVar("R", bound=Record)


class Store(Generic[R]):
    """Records of one kind, by scope and name."""

    def __init__(self) -> None:
        self._records: dict[tuple[Scope, str], R] = {}
        self._lock = threading.RLock()

    def get(self, scope: Scope, name: str) -> R | None:
        """Return a record, None when there is none of that name."""
        return self._records.get((scope, name))

    def add(self, record: R) -> bool:
        """Keep a record; False when its name is taken."""
        with self._lock:
            return self._records.setdefault((record.scope, record.name), record) is record

    def remove(self, record: R) -> None:
        """Forget a record."""
        with self._lock:
            self._records.pop((record.scope, record.name), None)

    def of(self, scope: Scope) -> list[R]:
        """Return the records of one scope, the oldest first."""
        with self._lock:
            found = [record for (where, _), record in self._records.items() if where == scope]
        return sorted(found, key=lambda record: record.created)

    def everywhere(self) -> list[R]:
        """Return all records."""
        with self._lock:
            return list(self._records.values())

    def by_arn(self, arn: str) -> R | None:
        """Return the record with an ARN."""
        wanted = arn.lower()
        return next((each for each in self.everywhere() if each.arn.lower() == wanted), None)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._records.clear()


@dataclass(frozen=True)
class Listing:
    """How one List operation names, sorts and counts its things."""

    result: str
    name: str
    status: str = ""
    descending: bool = False
    further: Mapping[str, str] = field(default_factory=dict)
    """Members by the further orders that the operation knows."""

    def page(self, request: Document, things: Iterable[Document]) -> Document:
        """Return one page of descriptions, filtered and sorted as the request asks."""
        kept = [thing for thing in things if self._wanted(request, thing)]
        orders = {"Name": self.name, "Status": self.status, **self.further}
        sort = orders.get(request.get("SortBy", ""))
        descending = {"Ascending": False, "Descending": True}.get(
            request.get("SortOrder", ""), self.descending
        )
        kept.sort(key=lambda thing: thing[sort or "CreationTime"], reverse=descending)
        start, size = _offset(request.get("NextToken")), request.get("MaxResults", _PAGE)
        answer: Document = {self.result: kept[start : start + size]}
        if start + size < len(kept):
            answer["NextToken"] = _token(start + size)
        return answer

    def _wanted(self, request: Document, thing: Document) -> bool:
        for member in ("CreationTime", "LastModifiedTime"):
            after, before = request.get(f"{member}After"), request.get(f"{member}Before")
            if (after and thing[member] <= after) or (before and thing[member] >= before):
                return False
        if request.get("NameContains", "").lower() not in thing[self.name].lower():
            return False
        status = request.get("StatusEquals")
        return status is None or thing[self.status] == status


def listed(records: Sequence[Record]) -> list[Document]:
    """Return the descriptions of records."""
    return [record.described() for record in records]


def _token(offset: int) -> str:
    return base64.urlsafe_b64encode(f"offset:{offset}".encode()).decode()


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    try:
        word, number = base64.urlsafe_b64decode(token).decode().split(":")
        if word == "offset":
            return int(number)
    except (ValueError, binascii.Error):
        pass
    raise invalid("The pagination token is not valid.")
