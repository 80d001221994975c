"""Items reach DynamoDB in its own form, and what a busy table leaves over comes back."""

import json

import boto3
import pytest

from tests.fakes.http import serving
from visionml.aws.session import Aws
from visionml.aws.writes import Writes
from visionml.errors import Unavailable

ITEM = {"PK": "P#1", "SK": "STATE", "n": 3, "share": 0.25, "inner": {"of": [1, "a"]}}
LOW = {
    "PK": {"S": "P#1"},
    "SK": {"S": "STATE"},
    "n": {"N": "3"},
    "share": {"N": "0.25"},
    "inner": {"M": {"of": {"L": [{"N": "1"}, {"S": "a"}]}}},
}
JSON = {"Content-Type": "application/x-amz-json-1.0"}


def writes(url: str) -> Writes:
    session = boto3.Session("key", "secret", region_name="eu-central-1")
    return Writes(Aws(session, endpoint_url=url), "predictions")


def test_items_are_written_in_dynamodbs_form() -> None:
    with serving((200, JSON, b'{"UnprocessedItems": {}}')) as script:
        assert writes(script.url).put_some([ITEM]) == []

    ((_, _, body),) = script.requests
    assert json.loads(body) == {"RequestItems": {"predictions": [{"PutRequest": {"Item": LOW}}]}}


def test_what_is_left_over_comes_back_as_it_was() -> None:
    left = {"UnprocessedItems": {"predictions": [{"PutRequest": {"Item": LOW}}]}}
    with serving((200, JSON, json.dumps(left).encode())) as script:
        assert writes(script.url).put_some([ITEM, {**ITEM, "PK": "P#2"}]) == [ITEM]


def test_a_table_that_is_too_busy_may_be_written_later() -> None:
    fault = b'{"__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}'
    with serving((400, JSON, fault)) as script, pytest.raises(Unavailable):
        writes(script.url).put_some([ITEM])
