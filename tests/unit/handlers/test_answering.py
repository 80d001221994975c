"""Answers may be read by pages of the origins that are named, refusals too."""

import json

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from tests.fakes import events
from tests.unit.handlers.conftest import ColdStart

ORIGIN = "https://app.example.com"
IMAGE = events.load("inference_adapter.image")


@pytest.mark.parametrize(
    ("origin", "allowed", "headers"),
    [
        (ORIGIN, (), {}),
        (ORIGIN, (ORIGIN,), {"Vary": "Origin", "Access-Control-Allow-Origin": ORIGIN}),
        ("https://other.example", (ORIGIN,), {"Vary": "Origin"}),
        ("", (ORIGIN,), {"Vary": "Origin"}),
        (ORIGIN, ("*",), {"Access-Control-Allow-Origin": "*"}),
    ],
)
def test_only_named_origins_may_read(
    cold_start: ColdStart, origin: str, allowed: tuple[str, ...], headers: dict[str, str]
) -> None:
    assert cold_start("answering").cors(origin, allowed) == headers


def test_a_page_may_read_why_it_was_refused(cold_start: ColdStart, context: LambdaContext) -> None:
    request = {**IMAGE, "headers": {"Origin": ORIGIN, "Content-Type": "text/plain"}}
    answer = cold_start("inference_adapter").handler(request, context)
    assert answer["statusCode"] == 415
    assert answer["headers"]["Access-Control-Allow-Origin"] == ORIGIN


def test_an_upload_is_answered_with_an_address(
    cold_start: ColdStart, context: LambdaContext
) -> None:
    body = json.dumps({"content_type": "image/jpeg", "bytes": 6_000_000})
    request = {**IMAGE, "body": body, "isBase64Encoded": False}
    answer = cold_start("upload_issuer").handler(request, context)
    assert answer["statusCode"] == 201
    assert json.loads(answer["body"])["s3"].startswith("s3://raw/inference/")
    refused = cold_start("upload_issuer").handler({**request, "body": "{}"}, context)
    assert refused["statusCode"] == 400
