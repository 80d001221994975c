"""Images tried again by hand: asked of a function, some at a time, until all are done."""

import io
import json
from types import SimpleNamespace
from typing import Any

import pytest

from visionml.desks.image_retries import retry
from visionml.errors import InvalidInput, JobFailed


class Function:
    """Stands for Lambda: answers one after another, and keeps what it was asked."""

    def __init__(self, *answers: dict[str, Any], error: bool = False) -> None:
        self.answers, self.error = list(answers), error
        self.asked: list[dict[str, Any]] = []

    def invoke(self, **call: Any) -> dict[str, Any]:
        self.asked.append(json.loads(call["Payload"]))
        answer = {"Payload": io.BytesIO(json.dumps(self.answers.pop(0)).encode())}
        return {**answer, "FunctionError": "Unhandled"} if self.error else answer


def platform(function: Function) -> Any:
    aws = SimpleNamespace(client=lambda *_service, **_options: function)
    return SimpleNamespace(aws=aws, names=SimpleNamespace(function=lambda name: name))


def answer(*, done: bool = True, **outcomes: list[str]) -> dict[str, Any]:
    return {"outcomes": outcomes, "done": done}


def test_failed_images_are_asked_for_until_all_are_done() -> None:
    function = Function(answer(started=["a"], done=False), answer(started=["b"]))
    found = retry(platform(function), None, "failed")
    assert found["outcome"].to_dict() == {"a": "started", "b": "started"}
    assert function.asked == [{"status": "failed"}] * 2


def test_accepted_images_are_asked_for_once_as_they_stay_accepted() -> None:
    function = Function(answer(started=["a"], done=False))
    assert len(retry(platform(function), None, "accepted")) == 1
    assert len(function.asked) == 1


def test_many_images_are_named_some_at_a_time_and_unknown_ones_are_told() -> None:
    ids = [f"{number:032x}" for number in range(501)]
    function = Function(answer(started=ids[:499]), answer(unchanged=[ids[500]]))
    found = retry(platform(function), ids, None)["outcome"]
    assert [len(each["images"]) for each in function.asked] == [500, 1]
    assert (found[ids[499]], found[ids[500]]) == ("unknown", "unchanged")


@pytest.mark.parametrize(("images", "status"), [(None, None), (["a"], "failed")])
def test_either_images_or_a_status_is_named(images: Any, status: Any) -> None:
    with pytest.raises(InvalidInput, match="either images or a status"):
        retry(platform(Function()), images, status)


def test_a_function_that_fails_is_told_of() -> None:
    told = {"errorType": "AccessDenied", "errorMessage": "no"}
    with pytest.raises(JobFailed, match="AccessDenied"):
        retry(platform(Function(told, error=True)), ["a"], None)
