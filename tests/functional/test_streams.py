"""The stream of requests on the deployed platform: every record ends, and can be sent again."""

from datetime import UTC, datetime

import pytest

from tests.functional.platform import Deployed
from tests.functional.waiting import PATIENCE_SECONDS, until
from visionml.contracts.deployment import DeploymentOutcome
from visionml.contracts.layout import INFERENCE_UPLOADS
from visionml.local import faults
from visionml.local.state import State
from visionml.serving.predictions import Predictions

INPUTS = 100
KINDS = INPUTS // 20

pytestmark = pytest.mark.usefixtures("promoted")


@pytest.fixture(scope="module")
def disturbed(aws_local: State) -> None:
    """Things that go wrong by themselves on AWS, at the endpoint, the table and the streams."""
    busy = "ProvisionedThroughputExceededException"
    faults.inject(aws_local, "sagemaker:InvokeEndpoint", "ServiceUnavailable", times=8, after=5)
    # those before announce predictions, those from here on record failures
    faults.inject(aws_local, "dynamodb:PutItem", busy, times=8, after=17 * KINDS)
    faults.inject(aws_local, "dynamodb:TransactWriteItems", busy, times=8, after=1)
    faults.inject(aws_local, "kinesis:PutRecords", busy, times=8, after=2)


def test_every_record_ends_and_what_failed_can_be_sent_again(
    platform: Deployed, promoted: DeploymentOutcome, aws_local: State, disturbed: None
) -> None:
    assert promoted.outcome == "promoted"
    streams, began = platform.session.streams, datetime.now(UTC)
    samples = platform.dataset.samples(2, split="holdout")
    rehearsed = streams.rehearse(samples, inputs=INPUTS, patience_seconds=PATIENCE_SECONDS)
    assert rehearsed.figures == {
        "inputs": INPUTS,
        "results": 15 * KINDS,
        "recorded_failures": 5 * KINDS,
        "lost": 0,
        "duplicates": 0,
    }
    found = rehearsed.table.set_index("kind")["reason"].to_dict()
    assert found == {
        "image": "",
        "no image there": "s3_not_found",
        "a text instead of an image": found["a text instead of an image"],
        "no JSON": "record_no_json",
        "no request": "record_no_request",
        "another request under a known id": "other_request",
    }
    assert found["a text instead of an image"]
    assert faults.pending(aws_local) == ()

    assert until(lambda: len(streams.failed()) == 3 * KINDS)
    _put_what_was_missing(platform, samples[0].content)
    counted = streams.replay(began, dry_run=True)
    assert (counted.new, counted.again, counted.failed) == (0, 2 * KINDS, 3 * KINDS)
    replayed = streams.replay(began)
    assert (replayed.sent, replayed.failed) == (2 * KINDS, 3 * KINDS)
    missing = rehearsed.of("no image there")
    assert until(lambda: all(_done(streams.predictions, each) for each in missing))

    answered = streams.replay_failed()
    assert (answered.messages, answered.gone) == (3 * KINDS, 0)
    assert (answered.replayed.sent, answered.replayed.failed) == (0, 3 * KINDS)
    assert streams.failures.depth() == 0
    shown = streams.status().rows
    assert shown["shards"] == "2 open, 0 closed"
    assert shown["failures told"] == 0


def _put_what_was_missing(platform: Deployed, image: bytes) -> None:
    names = platform.session.names
    bucket = names.bucket("raw", platform.session.aws.account)
    platform.session.aws.s3.put_object(
        Bucket=bucket, Key=f"{INFERENCE_UPLOADS}nothing", Body=image, ContentType="image/png"
    )


def _done(predictions: Predictions, name: str) -> bool:
    return predictions.get(name).status == "done"
