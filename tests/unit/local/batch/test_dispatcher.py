"""How jobs move from state to state, without containers."""

from typing import Any

import pytest

from visionml.local.batch.attempts import interruption
from visionml.local.batch.core import (
    Definition,
    Environment,
    Job,
    Queue,
    Specification,
    State,
    arn_of,
)
from visionml.local.batch.dispatcher import Dispatcher
from visionml.local.batch.placement import Ask
from visionml.local.batch.retries import Ending
from visionml.local.sagemaker.core import Scope

HERE = Scope("000000000000", "us-east-1")
ONCE = {"attempts": 1, "evaluateOnExit": []}


class Stage:
    """A dispatcher that is told to pass, and what it has begun."""

    def __init__(self) -> None:
        self.state = State()
        self.begun: list[tuple[str, str]] = []
        self.dispatcher = Dispatcher(
            self.state, lambda job, where: self.begun.append((job.id, where.name)), cores=100
        )

    def environment(self, name: str, kind: str = "EC2", most: int = 1) -> Environment:
        request = {"state": "ENABLED", "computeResources": {"type": kind, "maxvCpus": most}}
        made = Environment(HERE, name, arn_of(HERE, "compute-environment", name), request)
        assert self.state.environments.add(made)
        return made

    def queue(self, name: str, *environments: Environment, **more: Any) -> Queue:
        order = [
            {"order": n, "computeEnvironment": each.arn} for n, each in enumerate(environments)
        ]
        request = {"state": "ENABLED", "priority": 1, "computeEnvironmentOrder": order, **more}
        made = Queue(HERE, name, arn_of(HERE, "job-queue", name), request)
        assert self.state.queues.add(made)
        return made

    def submit(self, queue: Queue, name: str, *, vcpus: float = 1, **more: Any) -> Job:
        container = {"image": "x"}
        request = {"jobDefinitionName": "d", "platformCapabilities": ["EC2"]}
        definition = Definition(HERE, "d:1", arn_of(HERE, "job-definition", "d:1"), request)
        strategy = more.pop("retry", ONCE)
        specification = Specification(container, Ask(vcpus, 64), {}, strategy, None)
        made = Job(
            HERE, name, name, queue, definition, specification, more.pop("depends_on", []), **more
        )
        self.dispatcher.submit(made)
        return made

    def turn(self) -> bool:
        with self.state.lock:
            return self.dispatcher._pass()

    def end(self, job: Job, ending: Ending) -> None:
        self.dispatcher.running(job)
        self.dispatcher.finished(job, ending)
        self.turn()


@pytest.fixture
def stage() -> Stage:
    """A dispatcher without a thread."""
    return Stage()


def test_a_freed_vcpu_goes_to_the_next_job(stage: Stage) -> None:
    queue = stage.queue("q", stage.environment("one"))
    first, second = stage.submit(queue, "first"), stage.submit(queue, "second")
    assert stage.turn() is False
    assert (first.status, second.status) == ("STARTING", "RUNNABLE")
    stage.end(first, Ending(0))
    assert (first.status, second.status) == ("SUCCEEDED", "STARTING")


def test_queues_of_higher_priority_begin_first(stage: Stage) -> None:
    one = stage.environment("one")
    low, high = stage.queue("low", one), stage.queue("high", one, priority=9)
    stage.submit(low, "low-job")
    stage.submit(high, "high-job")
    stage.turn()
    assert stage.begun == [("high-job", "one")]


def test_a_disabled_environment_takes_no_jobs(stage: Stage) -> None:
    one = stage.environment("one")
    job = stage.submit(stage.queue("q", one), "job")
    one.request["state"] = "DISABLED"
    stage.turn()
    assert job.status == "RUNNABLE"
    one.request["state"] = "ENABLED"
    stage.turn()
    assert job.status == "STARTING"


def test_an_interrupted_job_goes_to_the_environment_behind(stage: Stage) -> None:
    spot, other = stage.environment("spot", "SPOT"), stage.environment("other")
    queue = stage.queue("q", spot, other)
    job = stage.submit(queue, "job", retry={"attempts": 2, "evaluateOnExit": []})
    stage.turn()
    assert not stage.dispatcher.interrupt(job, interruption(job, 0), wait_seconds=60)
    stage.dispatcher.running(job)
    halt = interruption(job, 0)
    assert stage.dispatcher.interrupt(job, halt, wait_seconds=60)
    stage.dispatcher.finished(job, halt.ending)
    assert stage.turn() is True
    assert stage.begun == [("job", "spot"), ("job", "other")]
    stage.dispatcher.running(job)
    assert not stage.dispatcher.interrupt(job, interruption(job, 0), wait_seconds=60)
    assert (spot.used, other.used) == (0, 1)


def test_without_any_instances_a_job_says_that_it_waits_for_them(stage: Stage) -> None:
    spot = stage.environment("spot", "SPOT")
    spot.without_capacity_until = float("inf")
    job = stage.submit(stage.queue("q", spot), "job")
    assert stage.turn() is True
    assert job.reason.startswith("CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - ")
    spot.without_capacity_until = 0
    stage.turn()
    assert (job.status, job.reason) == ("STARTING", "")


def test_a_queue_may_cancel_what_is_stuck_for_long(stage: Stage) -> None:
    code = "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE"
    action = {"reason": code, "state": "RUNNABLE", "maxTimeSeconds": 600, "action": "CANCEL"}
    queue = stage.queue("q", stage.environment("one"), jobStateTimeLimitActions=[action])
    stuck, behind = stage.submit(queue, "stuck", vcpus=2), stage.submit(queue, "behind")
    assert stage.turn() is True
    assert stuck.reason.startswith(f"{code} - ")
    stuck.runnable_since -= 599
    stage.turn()
    assert stuck.status == "RUNNABLE"
    stuck.runnable_since -= 1
    stage.turn()
    assert (stuck.status, stuck.reason) == (
        "FAILED",
        f"Canceled by JobStateTimeLimit action due to reason: {code}",
    )
    stage.turn()
    assert behind.status == "STARTING"


def test_what_was_terminated_while_it_failed_is_not_tried_again(stage: Stage) -> None:
    queue = stage.queue("q", stage.environment("one"))
    job = stage.submit(queue, "job", retry={"attempts": 5, "evaluateOnExit": []})
    stage.turn()
    stage.dispatcher.running(job)
    stage.dispatcher.terminate(job, "Enough")
    stage.dispatcher.finished(job, Ending(1))
    assert (job.status, job.reason, job.attempts[0]["container"]["exitCode"]) == (
        "FAILED",
        "Enough",
        1,
    )


def test_a_job_waits_for_those_it_depends_on(stage: Stage) -> None:
    queue = stage.queue("q", stage.environment("one", most=4))
    first = stage.submit(queue, "first")
    second = stage.submit(queue, "second", depends_on=[{"jobId": "first"}])
    third = stage.submit(queue, "third", depends_on=[{"jobId": "second"}])
    stage.turn()
    assert (first.status, second.status) == ("STARTING", "PENDING")
    stage.end(first, Ending(0))
    assert second.status == "STARTING"
    stage.end(second, Ending(1))
    assert (third.status, third.reason, third.started) == ("FAILED", "Dependent Job failed", None)
