"""What Application Auto Scaling remembers: targets with their policies, schedules, activities."""

import threading
import uuid
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime

from visionml.local.refusals import Fault
from visionml.local.sagemaker.core import Document, Scope

SERVICE = "application-autoscaling"
NAMESPACE = "sagemaker"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
_KEPT_ACTIVITIES = 1000


def now() -> datetime:
    """Return the present time."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Variant:
    """The endpoint's variant that a target scales."""

    endpoint: str
    name: str

    @classmethod
    def of(cls, resource_id: str) -> "Variant":
        """Read ``endpoint/NAME/variant/NAME``.

        Raises
        ------
        Fault
            ``ValidationException``: it is something else.
        """
        match resource_id.split("/"):
            case ["endpoint", endpoint, "variant", name] if endpoint and name:
                return cls(endpoint, name)
        raise Fault(
            "ValidationException",
            f"Unsupported resource ID {resource_id}: for {NAMESPACE} it must be like "
            "endpoint/my-endpoint/variant/my-variant.",
        )


@dataclass(eq=False)
class Policy:
    """A target tracking policy and its two alarms."""

    name: str
    arn: str
    config: Document
    """``TargetTrackingScalingPolicyConfiguration``."""
    high: str
    low: str
    """Names of the alarms that ask for more and for fewer instances."""
    alarm_arns: dict[str, str] = field(default_factory=dict)
    created: datetime = field(default_factory=now)


@dataclass(eq=False)
class Action:
    """A scheduled action."""

    name: str
    arn: str
    request: Document
    created: datetime = field(default_factory=now)
    last: datetime = field(default_factory=now)
    """When it was done, or made; the next time comes after it."""
    over: bool = False


@dataclass(eq=False)
class Activity:
    """One attempt to change a capacity, or the reason why none was made."""

    description: str
    cause: str
    status: str = "InProgress"
    message: str = ""
    wanted: int = 0
    not_scaled: list[Document] = field(default_factory=list)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    started: datetime = field(default_factory=now)
    ended: datetime | None = None

    def end(self, status: str, message: str) -> None:
        """Say how it ended."""
        self.status, self.message, self.ended = status, message, now()


@dataclass(eq=False)
class Target:
    """A variant that may be scaled, between two bounds."""

    scope: Scope
    resource_id: str
    arn: str
    role: str
    minimum: int
    maximum: int
    suspended: dict[str, bool] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)
    actions: dict[str, Action] = field(default_factory=dict)
    scaled_out: datetime | None = None
    scaled_in: datetime | None = None
    left_alone_until: float = 0.0
    """By the monotonic clock: after a refusal."""
    created: datetime = field(default_factory=now)

    @property
    def variant(self) -> Variant:
        """The variant that it scales."""
        return Variant.of(self.resource_id)

    def identity(self) -> Document:
        """Return the members by which every answer names a target."""
        return {
            "ServiceNamespace": NAMESPACE,
            "ResourceId": self.resource_id,
            "ScalableDimension": DIMENSION,
        }

    def within(self, capacity: int) -> int:
        """Return a capacity that the bounds allow."""
        return max(self.minimum, min(self.maximum, capacity))


@dataclass
class State:
    """All targets, and what was done; activities outlive their targets, as on AWS."""

    targets: dict[tuple[Scope, str], Target] = field(default_factory=dict)
    activities: deque[tuple[Scope, str, Activity]] = field(
        default_factory=lambda: deque(maxlen=_KEPT_ACTIVITIES)
    )
    lock: threading.RLock = field(default_factory=threading.RLock)

    def target(self, scope: Scope, resource_id: str) -> Target:
        """Return a target.

        Raises
        ------
        Fault
            ``ObjectNotFoundException``.
        """
        found = self.targets.get((scope, resource_id))
        if found is None:
            raise Fault(
                "ObjectNotFoundException",
                f"No scalable target found for service namespace: {NAMESPACE}, resource ID: "
                f"{resource_id}, scalable dimension: {DIMENSION}",
            )
        return found

    def of(self, scope: Scope) -> list[Target]:
        """Return the targets of one scope, the oldest first."""
        with self.lock:
            found = [target for (where, _), target in self.targets.items() if where == scope]
        return sorted(found, key=lambda target: target.created)

    def begin(self, target: Target, activity: Activity) -> Activity:
        """Keep an activity of a target."""
        with self.lock:
            self.activities.append((target.scope, target.resource_id, activity))
        return activity

    def past(self, scope: Scope, resource_id: str | None) -> list[tuple[str, Activity]]:
        """Return activities with their resources, the newest first."""
        with self.lock:
            kept = list(self.activities)
        return [
            (resource, activity)
            for where, resource, activity in reversed(kept)
            if where == scope and resource_id in (None, resource)
        ]

    def under_way(self, target: Target) -> Activity | None:
        """Return what is being done to a target."""
        past = self.past(target.scope, target.resource_id)
        return next((activity for _, activity in past if activity.status == "InProgress"), None)

    def reset(self) -> None:
        """Forget everything."""
        with self.lock:
            self.targets.clear()
            self.activities.clear()
