"""The detection machine: its expressions evaluated, and its ways walked with fake functions."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.infra.conftest import Synthesised
from tests.infra.test_machines import definition, evaluated
from visionml.contracts.detector import (
    Detection,
    DetectionOrder,
    Organised,
    OrganiseOrder,
    Uncertainty,
)

ORDER = {
    "image_id": "0" * 32,
    "timestamp": "2026-11-20T10:00:00Z",
    "key": f"accepted/{'0' * 32}.jpeg",
    "picture": f"previews/800/{'0' * 32}.jpg",
}
DOWN = {"Error": "Unavailable", "Cause": '{"errorMessage": "Rekognition is down."}'}
SURE = Detection(animal="cat", confidence=99.0)
UNSURE = Detection(
    animal="cat", confidence=60.0, uncertainty=Uncertainty.LOW_CONFIDENCE, reason="Not sure."
)
UNSEEN = Detection(
    animal="other", confidence=0.0, uncertainty=Uncertainty.NOT_LOOKED_AT, reason="Down."
)
Functions = Mapping[str, Callable[[Any], Any]]


class Raised(Exception):
    """What a function raises, as Step Functions is told of it."""

    def __init__(self, told: dict[str, str]) -> None:
        self.told = told


@pytest.fixture
def machine(local: Synthesised) -> dict[str, Any]:
    return definition(local, "Intake")


def walk(
    machine: dict[str, Any], functions: Functions, order: Mapping[str, Any] = ORDER
) -> tuple[list[str], dict[str, Any]]:
    """Return the states that an order goes through, and the last one's fields."""
    value: Any = order
    name, variables, seen = machine["StartAt"], dict[str, Any](), list[str]()
    while True:
        state = machine["States"][name]
        seen.append(name)
        states: dict[str, Any] = {"input": value}
        if state["Type"] in {"Succeed", "Fail"}:
            return seen, evaluated(state, states=states, **variables)
        if state["Type"] == "Choice":
            met = (
                choice["Next"]
                for choice in state["Choices"]
                if evaluated(choice["Condition"], states=states, **variables) is True
            )
            name = next(met, state["Default"])
            continue
        told = state
        if state["Type"] == "Task":
            payload = evaluated(state["Arguments"]["Payload"], states=states, **variables)
            try:
                states["result"] = {"Payload": functions[name](payload)}
            except Raised as raised:
                (told,) = state["Catch"]
                states["errorOutput"] = raised.told
            else:
                value = evaluated(state["Output"], states=states, **variables)
        variables |= evaluated(told.get("Assign", {}), states=states, **variables)
        name = told["Next"]


def organised(asked: Any, detection: Detection) -> Any:
    """Answer as FileManager does, once the order is one."""
    order = OrganiseOrder.model_validate(asked)
    return Organised(
        image_id=order.order.image_id,
        timestamp=order.order.timestamp,
        key="cats/x.jpeg",
        preview_key=None,
        detection=detection,
    ).model_dump(mode="json")


def looked(detection: Detection) -> Callable[[Any], Any]:
    def answer(asked: Any) -> Any:
        assert DetectionOrder.model_validate(asked).key == ORDER["key"]
        return detection.model_dump(mode="json")

    return answer


def failed(_asked: Any) -> Any:
    raise Raised(DOWN)


def test_an_image_that_is_certain_is_put_away_and_nobody_told(machine: dict[str, Any]) -> None:
    ways, _ = walk(
        machine, {"Look": looked(SURE), "Organise": lambda asked: organised(asked, SURE)}
    )

    assert ways == ["Accept", "Look", "Organise", "IsUncertain", "Done"]


def test_people_are_told_of_an_uncertain_image(machine: dict[str, Any]) -> None:
    told: list[Any] = []
    ways, _ = walk(
        machine,
        {
            "Look": looked(UNSURE),
            "Organise": lambda asked: organised(asked, UNSURE),
            "Notify": told.append,
        },
    )

    assert ways[-3:] == ["Notify", "IsUnseen", "Done"]
    assert Organised.model_validate(told[0]).detection == UNSURE


def test_an_image_that_was_not_looked_at_is_put_away_and_told_of_before_the_alarm(
    machine: dict[str, Any],
) -> None:
    asked_for: list[OrganiseOrder] = []

    def put_away(asked: Any) -> Any:
        asked_for.append(OrganiseOrder.model_validate(asked))
        return organised(asked, UNSEEN)

    functions = {"Look": failed, "OrganiseUnseen": put_away, "Notify": lambda _asked: None}
    ways, end = walk(machine, functions)

    assert ways == [
        *("Accept", "Look", "OrganiseUnseen"),
        *("IsUncertain", "Notify", "IsUnseen", "Unseen"),
    ]
    (order,) = asked_for
    assert order.failure is not None
    assert (order.failure.error, order.failure.cause) == (DOWN["Error"], DOWN["Cause"])
    assert (end["Error"], end["Cause"]) == (DOWN["Error"], DOWN["Cause"])


def test_people_are_not_told_again_of_an_image_that_is_looked_at_once_more_in_vain(
    machine: dict[str, Any],
) -> None:
    functions = {"Look": failed, "OrganiseUnseen": lambda asked: organised(asked, UNSEEN)}
    ways, end = walk(machine, functions, {**ORDER, "told": True})
    assert ways[-3:] == ["IsUncertain", "IsUnseen", "Unseen"]
    assert end["Error"] == DOWN["Error"]

    told: list[Any] = []
    functions = {
        "Look": looked(UNSURE),
        "Organise": lambda asked: organised(asked, UNSURE),
        "Notify": told.append,
    }
    walk(machine, functions, {**ORDER, "told": True})
    assert len(told) == 1  # of what it shows, they are


def test_an_image_that_another_execution_has_organised_sets_off_no_alarm(
    machine: dict[str, Any],
) -> None:
    ways, _ = walk(
        machine, {"Look": failed, "OrganiseUnseen": lambda asked: organised(asked, SURE)}
    )

    assert ways == ["Accept", "Look", "OrganiseUnseen", "IsUncertain", "Done"]


def test_the_machine_is_express_and_waits_for_no_job(environment: Synthesised) -> None:
    (properties,) = environment.properties("AWS::StepFunctions::StateMachine", stack="Intake")
    tasks = [
        state
        for state in definition(environment, "Intake")["States"].values()
        if state["Type"] == "Task"
    ]

    assert properties["StateMachineType"] == "EXPRESS"
    assert properties["LoggingConfiguration"]["IncludeExecutionData"] is False
    assert {task["Resource"] for task in tasks} == {"arn:aws:states:::lambda:invoke"}


def test_every_step_is_tried_again_and_ends_within_an_express_execution(
    environment: Synthesised,
) -> None:
    machine = definition(environment, "Intake")
    tasks = {name: each for name, each in machine["States"].items() if each["Type"] == "Task"}
    attempts = environment.settings.detector.attempts

    for task in tasks.values():
        (retry,) = task["Retry"]
        assert "Unavailable" in retry["ErrorEquals"]
        assert retry["JitterStrategy"] == "FULL"
    assert tasks["Look"]["Retry"][0]["MaxAttempts"] == attempts - 1
    pauses = sum(min(2 * 2**each, 30) for each in range(attempts - 1))
    assert pauses < machine["TimeoutSeconds"] / 2 <= 150
