"""What Batch Transform does to data, and the JSONPath of its filters."""

import gzip
import json
from typing import Any

import pytest

from visionml.local.sagemaker import json_path
from visionml.local.sagemaker.transform_records import (
    BadRecord,
    Processing,
    assembled,
    mini_batches,
    records_of,
)
from visionml.local.sagemaker.transform_share import Plan

DOCUMENT = {"id": 7, "data": {"x-y": [1, 2, 3, 4]}, "SageMakerOutput": {"label": "cat"}}
ANYTHING = Processing.of({})


@pytest.mark.parametrize(
    ("path", "selected"),
    [
        ("$", DOCUMENT),
        ("$.id", 7),
        ("$['data']", {"x-y": [1, 2, 3, 4]}),
        ("$.data.x-y[1]", 2),
        ("$.data.x-y[-1]", 4),
        ("$.data['x-y'][1:]", [2, 3, 4]),
        ("$.data.x-y[0,2:]", [1, 3, 4]),
        ("$['id', \"SageMakerOutput\"]", {"id": 7, "SageMakerOutput": {"label": "cat"}}),
    ],
)
def test_a_path_selects(path: str, selected: Any) -> None:
    assert json_path.compiled(path)(DOCUMENT) == selected


@pytest.mark.parametrize("path", ["id", "$..id", "$.*", "$[?(@.id)]", "$[", "$.", "$['a',1]"])
def test_what_is_no_path_of_these_is_refused(path: str) -> None:
    with pytest.raises(json_path.BadPath):
        json_path.compiled(path)


@pytest.mark.parametrize("path", ["$.nothing", "$.id.deeper", "$.data.x-y[9]", "$.id[0]"])
def test_what_a_document_lacks_is_told(path: str) -> None:
    with pytest.raises(json_path.Absent):
        json_path.compiled(path)(DOCUMENT)


def test_lines_are_records_however_they_end() -> None:
    assert records_of(b"a\r\n\nb\nc", lines=True) == [b"a", b"b", b"c"]
    assert records_of(b"a\nb", lines=False) == [b"a\nb"]


def test_a_request_takes_as_many_records_as_fit() -> None:
    records = [b"aaaa", b"bbbb", b"cccc"]
    made = list(mini_batches(records, ANYTHING, several=True, limit_bytes=9))
    assert [batch.payload for batch in made] == [b"aaaa\nbbbb", b"cccc"]
    assert [batch.records for batch in made] == [[b"aaaa", b"bbbb"], [b"cccc"]]
    alone = mini_batches(records, ANYTHING, several=False, limit_bytes=9)
    assert [batch.payload for batch in alone] == records
    boundless = mini_batches(records, ANYTHING, several=True, limit_bytes=0)
    assert [batch.payload for batch in boundless] == [b"aaaa\nbbbb\ncccc"]


def test_a_record_that_is_larger_than_a_request_is_bad() -> None:
    with pytest.raises(BadRecord, match="larger than MaxPayloadInMB"):
        list(mini_batches([b"aa", b"bbb"], ANYTHING, several=True, limit_bytes=2))


def test_answers_are_joined_to_what_is_no_object_too() -> None:
    processing = Processing.of({"DataProcessing": {"JoinSource": "Input"}})
    kept = processing.answered([b'{"a":1}', b"[2]"], b'"x"\n"y"\n', lines=True)
    assert [json.loads(each) for each in kept] == [
        {"a": 1, "SageMakerOutput": "x"},
        {"SageMakerInput": [2], "SageMakerOutput": "y"},
    ]


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [(b'"x"', "answered 1 records where 2 were sent"), (b"x\ny", "output from the algorithm")],
)
def test_answers_that_cannot_be_told_apart_are_bad(answer: bytes, sentence: str) -> None:
    processing = Processing.of({"DataProcessing": {"JoinSource": "Input"}})
    with pytest.raises(BadRecord, match=sentence):
        processing.answered([b"1", b"2"], answer, lines=True)


def test_a_filter_that_selects_nothing_makes_a_record_bad() -> None:
    processing = Processing.of({"DataProcessing": {"InputFilter": "$.pixels"}})
    assert processing.filtered(b'{"pixels": [1, 2]}') == b"[1,2]"
    with pytest.raises(BadRecord, match="pixels"):
        processing.filtered(b"{}")


def test_answers_are_assembled_with_or_without_lines() -> None:
    assert assembled([b"a", b"b\n"], lines=True) == b"a\nb\n"
    assert assembled([b"a", b"b\n"], lines=False) == b"ab\n"


def test_a_job_says_more_than_its_container_and_a_container_more_than_aws() -> None:
    request: Any = {"TransformInput": {}, "TransformOutput": {}}
    said = {"MaxConcurrentTransforms": 8, "MaxPayloadInMB": 1, "BatchStrategy": "SINGLE_RECORD"}
    plan = Plan.of(request, {})
    assert (plan.concurrency, plan.megabytes, plan.strategy) == (1, 6, "MULTI_RECORD")
    plan = Plan.of(request, said)
    assert (plan.concurrency, plan.megabytes, plan.strategy) == (8, 1, "SINGLE_RECORD")
    own = {"MaxConcurrentTransforms": 2, "MaxPayloadInMB": 0, "BatchStrategy": "MultiRecord"}
    plan = Plan.of({**request, **own}, said)
    assert (plan.concurrency, plan.megabytes, plan.strategy) == (2, 0, "MULTI_RECORD")


def test_what_is_said_to_be_compressed_is_opened() -> None:
    request: Any = {
        "TransformInput": {"CompressionType": "Gzip", "SplitType": "Line"},
        "TransformOutput": {},
    }
    plan = Plan.of(request, {})
    (batch,) = plan.requests(gzip.compress(b"a\nb\n"))
    assert batch.payload == b"a\nb"
    with pytest.raises(BadRecord, match="Gzip"):
        plan.requests(b"a\nb\n")
