"""Jobs of AWS Batch, as a queue lists them."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from visionml.aws.errors import translated

_DESCRIBED_AT_ONCE = 100


class Job(NamedTuple):
    """A plain job, an array of jobs, or one of its children."""

    id: str
    name: str
    status: str
    children: int
    """0 for a plain job and for a child."""


class BatchJobs:
    """Looks at the jobs of one queue, and can end them."""

    def __init__(self, client: Any, queue: str) -> None:
        self._client, self._queue = client, queue

    def named(self, beginning: str) -> list[Job]:
        """Return the jobs whose names begin so, arrays as one."""
        names = [{"name": "JOB_NAME", "values": [f"{beginning}*"]}]
        return list(self._listed(jobQueue=self._queue, filters=names))

    def children(self, array: Job) -> list[Job]:
        """Return the jobs of an array in the order of their indexes.

        Described one by one: a list by status misses what goes on meanwhile.
        """
        ids = [f"{array.id}:{index}" for index in range(array.children)]
        found: dict[str, Job] = {}
        for start in range(0, len(ids), _DESCRIBED_AT_ONCE):
            together = ids[start : start + _DESCRIBED_AT_ONCE]
            with translated(f"describe the jobs of {array.name}"):
                answer = self._client.describe_jobs(jobs=together)
            for each in answer["jobs"]:
                found[each["jobId"]] = Job(each["jobId"], each["jobName"], each["status"], 0)
        return [found[each] for each in ids if each in found]

    def terminate(self, job: str, *, reason: str) -> None:
        """End a job, or all of an array; one that has ended stays as it is."""
        with translated(f"terminate the job {job}"):
            self._client.terminate_job(jobId=job, reason=reason)

    def _listed(self, **which: Any) -> Iterator[Job]:
        pages = self._client.get_paginator("list_jobs").paginate(**which)
        with translated(f"list the jobs of the queue {self._queue}"):
            for page in pages:
                for found in page["jobSummaryList"]:
                    size = int(found.get("arrayProperties", {}).get("size") or 0)
                    yield Job(found["jobId"], found["jobName"], found["status"], size)
