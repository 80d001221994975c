"""SageMaker's jobs in memory."""

from collections.abc import Iterator, Sequence

from visionml.aws.jobs import Job, Kind, Trial
from visionml.errors import NotFound


class MemoryJobs:
    """Stands for ``visionml.aws.jobs.Jobs``; names tell kinds apart."""

    def __init__(self, *jobs: Job, trials: Sequence[Trial] = ()) -> None:
        self.jobs = {job.name: job for job in jobs}
        self._trials = list(trials)

    def find(self, kind: Kind, name: str) -> Job | None:
        return self.jobs.get(name)

    def describe(self, kind: Kind, name: str) -> Job:
        if name not in self.jobs:
            raise NotFound(f"There is no {kind} job {name}.")
        return self.jobs[name]

    def trials(self, tuning_job: str) -> Iterator[Trial]:
        return iter(self._trials)
