"""The caller's client names its caller, and tells truths."""

import json

import pytest

from tests.fakes.http import serving
from tests.unit.serving.test_client import PNG, SUCCESS, error
from visionml.contracts.experiments import ToldTruth
from visionml.errors import RequestRefused
from visionml.serving.client import InferenceApi

TOLD = ToldTruth(prediction_id="p1", label="7", predicted="1", right=False)


def test_a_caller_with_a_name_is_named_in_each_request_and_one_without_in_none() -> None:
    with serving(SUCCESS) as script:
        InferenceApi(script.url, "the-key", caller="alice").predict(PNG)
        InferenceApi(script.url, "the-key").predict(PNG)
    named, nameless = (headers for _, headers, _ in script.requests)
    assert named["x-caller-id"] == "alice"
    assert "x-caller-id" not in nameless


def test_a_truth_is_posted_under_its_prediction() -> None:
    with serving((200, {}, TOLD.model_dump_json().encode())) as script:
        assert InferenceApi(script.url, "the-key").tell("p1", "7") == TOLD
    ((path, headers, body),) = script.requests
    assert (path, json.loads(body)) == ("/predictions/p1/truth", {"label": "7"})
    assert (headers["x-api-key"], headers["content-type"]) == ("the-key", "application/json")


def test_a_truth_that_differs_from_the_one_before_is_refused() -> None:
    with serving(error(409, "other_truth")) as script, pytest.raises(RequestRefused) as refused:
        InferenceApi(script.url, "the-key").tell("p1", "7")
    assert (refused.value.status, len(script.requests)) == (409, 1)
