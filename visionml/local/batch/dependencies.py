"""What a job waits for before it may run."""

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any


class Verdict(Enum):
    """Where a job stands to those that it depends on."""

    WAIT = "wait"
    GO = "go"
    FAIL = "fail"


def needed(job_id: str, depends_on: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the ids of the jobs that have to succeed first.

    A child of an array has an id such as ``PARENT:3``. ``SEQUENTIAL`` names its elder sibling,
    ``N_TO_N`` the child of the same index; without a type it is the whole other job.
    """
    parent, _, index = job_id.partition(":")
    ids: list[str] = []
    for each in depends_on:
        kind, other = each.get("type"), each.get("jobId", "")
        if kind == "SEQUENTIAL":
            if int(index or 0) > 0:
                ids.append(f"{parent}:{int(index) - 1}")
        elif kind == "N_TO_N" and index:
            ids.append(f"{other}:{index}")
        else:
            ids.append(other)
    return ids


def verdict(statuses: Iterable[str]) -> Verdict:
    """Judge by the statuses of the jobs that are needed."""
    seen = set(statuses)
    if "FAILED" in seen:
        return Verdict.FAIL
    return Verdict.GO if seen <= {"SUCCEEDED"} else Verdict.WAIT
