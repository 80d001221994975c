"""Which jobs start, by vCPUs, priorities and the order of their coming."""

from hypothesis import given
from hypothesis import strategies as st

from visionml.local.batch.placement import Ask, Line, Machine, Room, blocked, place


def asks(*vcpus: float) -> list[Ask]:
    return [Ask(each, 512) for each in vcpus]


def placed(lines: list[Line], *rooms: Room, cores: float = 100) -> list[tuple[str, str]]:
    found = place(lines, {room.name: room for room in rooms}, Machine(cores))
    return [(each.line, each.room) for each in found]


def test_an_environment_never_has_more_vcpus_than_its_most() -> None:
    room = Room("a", 4)
    assert placed([Line("q", 1, ["a"], asks(2, 1, 2))], room) == [("q", "a")] * 2
    assert room.used == 3


def test_a_queues_first_job_is_not_overtaken() -> None:
    assert placed([Line("q", 1, ["a"], asks(3, 1))], Room("a", 4, used=2)) == []


def test_queues_of_higher_priority_come_first() -> None:
    lines = [Line("low", 1, ["a"], asks(1, 1)), Line("high", 9, ["a"], asks(1, 1))]
    assert placed(lines, Room("a", 3)) == [("high", "a"), ("high", "a"), ("low", "a")]


def test_the_next_environment_takes_what_the_first_cannot() -> None:
    line = Line("q", 1, ["spot", "demand"], asks(1, 1, 1))
    assert placed([line], Room("spot", 2), Room("demand", 9)) == [
        ("q", "spot"),
        ("q", "spot"),
        ("q", "demand"),
    ]
    assert placed([line], Room("spot", 2, capacity=False), Room("demand", 1)) == [("q", "demand")]
    assert placed([line], Room("spot", 2, enabled=False), Room("demand", 1)) == [("q", "demand")]


def test_this_computers_cores_bound_all_environments() -> None:
    lines = [Line("q", 2, ["a"], asks(1, 1, 1)), Line("r", 1, ["b"], asks(0.25))]
    assert placed(lines, Room("a", 9), Room("b", 9), cores=2) == [("q", "a"), ("q", "a")]


def test_a_job_larger_than_this_computer_runs_alone() -> None:
    lines = [Line("q", 1, ["a"], asks(8, 1))]
    assert placed(lines, Room("a", 16), cores=2) == [("q", "a")]


def test_what_can_never_start_has_a_reason() -> None:
    ask = Ask(4, 8192)
    assert blocked(ask, [Room("a", 8)]) == ""
    most = blocked(ask, [Room("a", 2), Room("b", 3)])
    assert most.startswith("MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - ")
    small = blocked(ask, [Room("a", 8, instances=[Ask(2, 16384), Ask(8, 4096)])])
    assert small.startswith("MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - ")
    none = blocked(ask, [Room("a", 8, capacity=False, types="m5.xlarge")])
    assert none.startswith("CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - ")
    assert "[m5.xlarge]" in none
    assert blocked(ask, [Room("a", 2), Room("b", 8)]) == ""
    assert blocked(ask, [Room("a", 2, enabled=False)]) == ""


@given(
    st.lists(st.lists(st.sampled_from([0.25, 1, 2, 4]), max_size=6), max_size=4),
    st.integers(1, 8),
    st.integers(1, 8),
)
def test_no_bound_is_ever_passed(waiting: list[list[float]], limit: int, cores: int) -> None:
    lines = [Line(str(n), n, ["a", "b"], asks(*each)) for n, each in enumerate(waiting)]
    rooms, machine = {name: Room(name, limit) for name in "ab"}, Machine(cores)
    found = place(lines, rooms, machine)
    assert all(room.used <= limit for room in rooms.values())
    assert machine.used <= cores or len(found) == 1
