"""Which waiting jobs start now, and where: queues by priority, jobs in the order of their coming.

A queue's first job is never overtaken by a later one of the same queue, so a job that cannot be
placed blocks its queue, as on AWS.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

MAX_RESOURCE = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE"
JOB_REQUIREMENT = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"
NO_CAPACITY = "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY"
STUCK = ("MISCONFIGURATION:", "CAPACITY:")
_TEXTS = {
    MAX_RESOURCE: "CE(s) associated with the job queue can't meet the CPU requirement of the job.",
    JOB_REQUIREMENT: (
        "The job resource requirement (vCPU/memory/GPU) is higher than that can be met by the "
        "CE(s) attached to the job queue."
    ),
    NO_CAPACITY: "Service cannot fulfill the capacity requested for instance type [{types}]",
}


@dataclass(frozen=True)
class Ask:
    """What a job needs."""

    vcpus: float
    memory_mib: int


@dataclass
class Room:
    """A compute environment, as a place for jobs."""

    name: str
    limit: float
    """``maxvCpus``."""
    used: float = 0.0
    enabled: bool = True
    capacity: bool = True
    """Whether there are instances: a spot environment may be without."""
    instances: Sequence[Ask] | None = None
    """What each instance type has; None where jobs of any size fit."""
    types: str = ""

    def could_take(self, ask: Ask) -> bool:
        """Tell whether one of its instances is large enough."""
        return self.instances is None or any(
            each.vcpus >= ask.vcpus and each.memory_mib >= ask.memory_mib for each in self.instances
        )

    def takes(self, ask: Ask) -> bool:
        """Tell whether a job may start here now."""
        return (
            self.enabled
            and self.capacity
            and self.used + ask.vcpus <= self.limit
            and self.could_take(ask)
        )


@dataclass
class Machine:
    """The computer; a job that asks for more than all of it runs alone."""

    cores: float
    used: float = 0.0

    def takes(self, ask: Ask) -> bool:
        """Tell whether a job may start now."""
        return self.used == 0 or self.used + ask.vcpus <= self.cores


@dataclass(frozen=True)
class Line:
    """A queue's waiting jobs, the first to come first, and its environments in their order."""

    name: str
    priority: int
    rooms: Sequence[str]
    waiting: Iterable[Ask]


@dataclass(frozen=True)
class Placement:
    """That the next job of a queue starts in an environment."""

    line: str
    room: str


def place(lines: Sequence[Line], rooms: Mapping[str, Room], machine: Machine) -> list[Placement]:
    """Return what starts now, in order; `rooms` and `machine` then have it as used."""
    placed: list[Placement] = []
    for line in sorted(lines, key=lambda each: -each.priority):
        for ask in line.waiting:
            room = next((rooms[name] for name in line.rooms if rooms[name].takes(ask)), None)
            if room is None:
                break
            if not machine.takes(ask):
                return placed  # a small job of a lesser queue would keep it waiting for ever
            room.used += ask.vcpus
            machine.used += ask.vcpus
            placed.append(Placement(line.name, room.name))
    return placed


def blocked(ask: Ask, rooms: Sequence[Room]) -> str:
    """Return why a job cannot start however long it waits, empty when it only has to wait."""
    able = [room for room in rooms if room.enabled]
    if not able:
        return ""
    if all(room.limit < ask.vcpus for room in able):
        return f"{MAX_RESOURCE} - {_TEXTS[MAX_RESOURCE]}"
    if not any(room.could_take(ask) for room in able):
        return f"{JOB_REQUIREMENT} - {_TEXTS[JOB_REQUIREMENT]}"
    if not any(room.capacity for room in able):
        types = ", ".join(room.types for room in able)
        return f"{NO_CAPACITY} - {_TEXTS[NO_CAPACITY].format(types=types)}"
    return ""
