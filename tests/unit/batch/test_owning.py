"""Of several executions one has a run."""

from tests.fakes.objects import MemoryObjects
from visionml.batch.owning import taken
from visionml.batch.store import Store
from visionml.contracts.batch import owner_key


def test_the_second_execution_of_a_run_does_not_have_it_while_the_first_runs() -> None:
    store = Store(MemoryObjects(), "results")

    assert taken("night-1", "first", store=store, running=lambda _: True)
    assert not taken("night-1", "second", store=store, running=lambda _: True)
    assert taken("night-1", "first", store=store, running=lambda _: True)
    assert taken("night-2", "second", store=store, running=lambda _: True)


def test_an_execution_that_is_over_no_longer_has_its_run() -> None:
    store = Store(MemoryObjects(), "results")
    taken("night-1", "first", store=store, running=lambda _: True)
    asked: list[str] = []

    def running(execution: str) -> bool:
        asked.append(execution)
        return False

    assert taken("night-1", "second", store=store, running=running)
    assert asked == ["first"]
    assert not taken("night-1", "third", store=store, running=lambda _: True)


def test_of_two_that_take_a_run_over_at_once_one_has_it() -> None:
    objects = MemoryObjects()
    store = Store(objects, "results")
    taken("night-1", "first", store=store, running=lambda _: True)

    def another_is_faster(_execution: str) -> bool:
        assert taken("night-1", "second", store=store, running=lambda _: False)
        return False

    assert not taken("night-1", "third", store=store, running=another_is_faster)


def test_an_owner_that_nobody_can_read_has_nothing() -> None:
    objects = MemoryObjects({f"s3://results/{owner_key('night-1')}": b"{}"})
    assert taken("night-1", "first", store=Store(objects, "results"), running=lambda _: True)
