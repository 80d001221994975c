"""Moves jobs from state to state: evaluates, places, retries, cancels."""

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from visionml.local.batch.announcements import BLOCKED, Announcements
from visionml.local.batch.core import (
    ENDED,
    SPOT,
    Environment,
    Halt,
    Job,
    Queue,
    State,
    milliseconds,
)
from visionml.local.batch.dependencies import Verdict, needed, verdict
from visionml.local.batch.instances import sizes
from visionml.local.batch.placement import STUCK, Line, Machine, Room, blocked, place
from visionml.local.batch.retries import Ending, again

log = logging.getLogger(__name__)

STOP_SECONDS = 30.0
"""From SIGTERM to SIGKILL, as ECS stops a task."""
_LOOK_SECONDS = 1.0


class Dispatcher:
    """The only one to change a job's status; its methods may be called from any thread."""

    def __init__(
        self, state: State, begin: Callable[[Job, Environment], None], *, cores: float | None = None
    ) -> None:
        self.state = state
        self._begin = begin
        self._cores = cores or float(os.cpu_count() or 1)
        self._events = Announcements()

    def start(self) -> None:
        """Dispatch in the background from now on."""
        self._events.start()
        threading.Thread(target=self._run, name="batch-dispatcher", daemon=True).start()

    def submit(self, job: Job) -> None:
        """Take a job, or an array with its children."""
        with self.state.lock:
            self.state.jobs[job.scope, job.id] = job
            for child in job.children:
                self.state.jobs[child.scope, child.id] = child
            job.counts["SUBMITTED"] = len(job.children)
            self.state.waiting += job.children or [job]
            self.state.lock.notify_all()

    def look(self) -> None:
        """Look at all jobs soon: an environment or a queue has changed."""
        with self.state.lock:
            self.state.lock.notify_all()

    def running(self, job: Job) -> None:
        """Note that a job's container runs."""
        with self.state.lock:
            job.started = milliseconds()
            self._move(job, "RUNNING")

    def finished(self, job: Job, ending: Ending) -> None:
        """Note how an attempt has ended, and decide whether there is another one."""
        with self.state.lock:
            if job.halt is not None and job.halt.ending.final and not ending.succeeded:
                ending = replace(job.halt.ending, exit_code=ending.exit_code)
            self.state.running.discard(job)
            if job.environment is not None:
                job.environment.used -= job.specification.ask.vcpus
            _record(job, ending)
            if again(ending, job.specification.retry, attempts=len(job.attempts)):
                job.started, job.halt = None, None
                self._enqueue(job, reason=ending.status_reason)
            else:
                self._end(job, "SUCCEEDED" if ending.succeeded else "FAILED", ending.status_reason)
            self.state.lock.notify_all()

    def cancel(self, job: Job, reason: str) -> None:
        """End a job that has not begun; a running one goes on."""
        with self.state.lock:
            _mark(job, reason, "canceled")
            for each in [one for one in job.children or [job] if _waits(one)]:
                each.canceled = True
                self._drop(each, reason)

    def terminate(self, job: Job, reason: str) -> None:
        """End a job whatever it does."""
        with self.state.lock:
            _mark(job, reason, "terminated")
            for each in [one for one in job.children or [job] if one.status not in ENDED]:
                each.terminated = True
                if _waits(each):
                    self._drop(each, reason)
                else:
                    each.halt = Halt(Ending(status_reason=reason, final=True), STOP_SECONDS)

    def interrupt(self, job: Job, halt: Halt, *, wait_seconds: float) -> bool:
        """Take a job's spot instance away; False when it does not run on one."""
        with self.state.lock:
            where = job.environment
            if job.status != "RUNNING" or where is None or where.kind not in SPOT or job.halt:
                return False
            where.without_capacity_until = time.monotonic() + wait_seconds
            job.halt = halt
            return True

    def _run(self) -> None:
        while True:
            with self.state.lock:
                try:
                    soon = self._pass()
                except Exception:  # the jobs of others must go on
                    log.exception("Batch could not dispatch.")
                    soon = True
                self.state.lock.wait(_LOOK_SECONDS if soon else None)

    def _pass(self) -> bool:
        """Move what can be moved; tell whether something changes by time alone."""
        self.state.waiting = [job for job in self.state.waiting if self._still_waits(job)]
        rooms = {each.arn: _room(each) for each in self.state.environments.everywhere()}
        queues = {queue.arn: queue for queue in self.state.queues.everywhere()}
        machine = Machine(self._cores, sum(j.specification.ask.vcpus for j in self.state.running))
        lines = [_line(queue) for queue in queues.values() if queue.line]
        for placement in place(lines, rooms, machine):
            environment = self.state.environments.by_arn(placement.room)
            if environment is not None:
                self._place(queues[placement.line].line.popleft(), environment)
        heads = [queue for queue in queues.values() if queue.line]
        stuck = [self._judge(q, [rooms[name] for name in q.environments]) for q in heads]
        return any(stuck) or not all(room.capacity for room in rooms.values())

    def _still_waits(self, job: Job) -> bool:
        if job.status in ENDED:
            return False
        ids = needed(job.id, job.depends_on)
        others = [self.state.job(job.scope, each) for each in ids]
        found = verdict(other.status if other else "SUCCEEDED" for other in others)
        if job.parent is not None and job.parent.status == "SUBMITTED":
            self._move(job.parent, "PENDING")
        if found is Verdict.FAIL:
            self._end(job, "FAILED", "Dependent Job failed")
        elif found is Verdict.GO:
            self._enqueue(job)
        elif job.status == "SUBMITTED":
            self._move(job, "PENDING")
        return found is Verdict.WAIT

    def _enqueue(self, job: Job, reason: str = "") -> None:
        job.runnable_since = time.monotonic()
        job.queue.line.append(job)
        self._move(job, "RUNNABLE", reason)

    def _place(self, job: Job, environment: Environment) -> None:
        job.environment, job.container, job.stopped = environment, {}, None
        environment.used += job.specification.ask.vcpus
        self.state.running.add(job)
        self._move(job, "STARTING")
        self._begin(job, environment)

    def _judge(self, queue: Queue, rooms: list[Room]) -> bool:
        """Say whether and why a queue's first job is stuck; cancel it where the queue says so."""
        job = queue.line[0]
        reason = blocked(job.specification.ask, rooms)
        if not reason:
            job.reason = "" if job.reason.startswith(STUCK) else job.reason
            return False
        if job.reason != reason:
            job.reason, job.runnable_since = reason, time.monotonic()
            self._events.tell(job, BLOCKED)
        code = reason.partition(" ")[0]
        for action in queue.request.get("jobStateTimeLimitActions", []):
            overdue = time.monotonic() - job.runnable_since >= action["maxTimeSeconds"]
            if action["reason"] == code and overdue:
                self._drop(job, f"Canceled by JobStateTimeLimit action due to reason: {code}")
                break
        return True

    def _drop(self, job: Job, reason: str) -> None:
        if job.status == "RUNNABLE":
            job.queue.line.remove(job)
        self._end(job, "FAILED", reason)
        self.state.lock.notify_all()

    def _end(self, job: Job, status: str, reason: str) -> None:
        job.stopped = milliseconds()
        self._move(job, status, reason)
        job.ended.set()
        parent = job.parent
        if parent is not None and sum(parent.counts[each] for each in ENDED) == len(
            parent.children
        ):
            failed = bool(parent.counts["FAILED"])
            why = (parent.reason or "Array Child Job failed") if failed else ""
            self._end(parent, "FAILED" if failed else "SUCCEEDED", why)

    def _move(self, job: Job, status: str, reason: str = "") -> None:
        if job.parent is not None:
            job.parent.counts[job.status] -= 1
            job.parent.counts[status] += 1
        job.status, job.reason = status, reason
        self._events.tell(job)


def _mark(job: Job, reason: str, flag: str) -> None:
    """Let an array remember why its children were ended."""
    if job.children and job.status not in ENDED:
        job.reason = reason
        setattr(job, flag, True)


def _waits(job: Job) -> bool:
    return job.status in ("SUBMITTED", "PENDING", "RUNNABLE")


def _record(job: Job, ending: Ending) -> None:
    facts = {"exitCode": ending.exit_code, "reason": ending.reason or None}
    job.container |= {name: value for name, value in facts.items() if value is not None}
    job.attempts.append(
        {
            "container": {**job.container, "networkInterfaces": []},
            "startedAt": job.started,
            "stoppedAt": milliseconds(),
            "statusReason": ending.status_reason,
        }
    )


def _room(environment: Environment) -> Room:
    types = list(environment.resources.get("instanceTypes") or [])
    return Room(
        environment.arn,
        environment.resources["maxvCpus"],
        environment.used,
        environment.enabled,
        time.monotonic() >= environment.without_capacity_until,
        sizes(types) if types else None,
        ",".join(types) or environment.kind,
    )


def _line(queue: Queue) -> Line:
    asks = (job.specification.ask for job in queue.line)
    return Line(queue.arn, queue.request["priority"], queue.environments, asks)
