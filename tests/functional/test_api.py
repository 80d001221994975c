"""The inference API on the deployed platform: one test a status, and what an answer leaves."""

import hashlib
import json
from dataclasses import dataclass, replace
from uuid import uuid4

import numpy as np
import pytest
import urllib3
from PIL import Image

from tests.fakes import pictures
from tests.functional.platform import Deployed
from tests.functional.waiting import until
from visionml.aws.parameters import Parameters
from visionml.aws.session import Aws
from visionml.contracts.deployment import DeploymentOutcome
from visionml.contracts.inference import HASH_HEADER, INLINE_IMAGE_BYTES, InferenceEvent
from visionml.desks.api import Api
from visionml.errors import RequestRefused
from visionml.local.state import State


def events(aws: Aws, stream: str) -> dict[str, InferenceEvent]:
    """Return what a stream holds, by prediction."""
    kinesis = aws.client("kinesis")
    found: list[InferenceEvent] = []
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        place = kinesis.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )
        records = kinesis.get_records(ShardIterator=place["ShardIterator"])["Records"]
        found += [InferenceEvent.model_validate_json(record["Data"]) for record in records]
    return {event.prediction_id: event for event in found}


def test_an_answer_leaves_an_event_with_what_monitoring_needs(
    platform: Deployed, promoted: DeploymentOutcome
) -> None:
    image = platform.dataset.samples(1, split="holdout")[0].content
    answer = platform.session.api.predict(image)
    event = events(platform.session.aws, platform.session.names.events_stream)[answer.prediction_id]
    assert event.model_dump().items() >= answer.model_dump().items()
    assert event.image_sha256 == hashlib.sha256(image).hexdigest()
    assert event.statistics is not None
    assert event.embedding
    assert event.model_version == promoted.model_version


@pytest.fixture(scope="module")
def large() -> bytes:
    """A picture of noise that does not fit into a request."""
    noise = np.random.default_rng(0).integers(0, 256, (1300, 1300, 3), dtype=np.uint8)
    content = pictures.encoded(Image.fromarray(noise), "PNG")
    assert len(content) > INLINE_IMAGE_BYTES
    return content


def test_a_large_image_is_predicted_by_way_of_s3(
    platform: Deployed, promoted: DeploymentOutcome, large: bytes
) -> None:
    answer = platform.session.api.predict(large)
    event = events(platform.session.aws, platform.session.names.events_stream)[answer.prediction_id]
    assert answer.model_version == promoted.model_version
    assert event.image_sha256 == hashlib.sha256(large).hexdigest()


def test_an_upload_takes_what_was_announced_and_nothing_else(
    platform: Deployed, aws_local: State
) -> None:
    api = platform.session.api
    announced = json.dumps({"content_type": "image/png", "bytes": 5}).encode()
    place = api.ask(announced, content_type="application/json", path="/uploads")
    assert place.status == 201
    http = urllib3.PoolManager(ca_certs=aws_local.ca_bundle)
    kind = {"Content-Type": "image/png"}
    assert http.request("PUT", place.body["url"], body=b"six by", headers=kind).status == 403
    other = {"Content-Type": "text/html"}
    assert http.request("PUT", place.body["url"], body=b"bytes", headers=other).status == 403
    assert http.request("PUT", place.body["url"], body=b"bytes", headers=kind).status == 200


JSON, PNG = "application/json", "image/png"
TOO_MANY = b'{"content_type": "image/png", "bytes": 10485761}'


@pytest.mark.parametrize(
    ("path", "body", "content_type", "refusal"),
    [
        ("/inference", b"\x89PNG\r\n\x1a\n", PNG, (400, "truncated")),
        ("/inference", b"{}", JSON, (400, "invalid_request")),
        ("/nowhere", b"x", PNG, (404, "not_found")),
        ("/inference", bytes(INLINE_IMAGE_BYTES + 1), PNG, (413, "too_many_bytes")),
        ("/uploads", TOO_MANY, JSON, (413, "too_many_bytes")),
        ("/inference", b"x", "image/gif", (415, "unsupported_media_type")),
        ("/inference", b'{"s3": "s3://elsewhere/inference/1"}', JSON, (422, "s3_refused")),
    ],
)
@pytest.mark.usefixtures("promoted")
def test_a_refusal_has_its_status_and_says_why(
    platform: Deployed, path: str, body: bytes, content_type: str, refusal: tuple[int, str]
) -> None:
    answer = platform.session.api.ask(body, content_type=content_type, path=path)
    assert (answer.status, answer.body["error"]["code"]) == refusal


def test_an_upload_that_nothing_was_sent_to_is_told_so(platform: Deployed) -> None:
    api = platform.session.api
    announced = json.dumps({"content_type": "image/png", "bytes": 5}).encode()
    place = api.ask(announced, content_type="application/json", path="/uploads")
    named = json.dumps({"s3": place.body["s3"]}).encode()
    answer = api.ask(named, content_type="application/json")
    assert (answer.status, answer.body["error"]["code"]) == (422, "s3_not_found")


def invocations(platform: Deployed) -> float:
    """Return how often the adapter was called."""
    name = platform.session.names.function("inference_adapter")
    found = platform.session.aws.cloudwatch.get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName="Invocations",
        Dimensions=[{"Name": "FunctionName", "Value": name}],
        StartTime="2020-01-01T00:00:00Z",
        EndTime="2100-01-01T00:00:00Z",
        Period=86_400,
        Statistics=["Sum"],
    )
    return sum(point["Sum"] for point in found["Datapoints"])


@dataclass(frozen=True)
class Asking:
    """One image, asked about with headers."""

    api: Api
    image: bytes

    def __call__(self, **headers: str) -> str:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self.api.ask(self.image, content_type="image/png", headers=sent)
        assert answer.status == 200
        return str(answer.body["prediction_id"])


@pytest.fixture
def asking(platform: Deployed, promoted: DeploymentOutcome) -> Asking:
    """A new image: what follows after a picture's end is not looked at, but it is hashed."""
    image = platform.dataset.samples(1, split="holdout")[0].content
    return Asking(platform.session.api, image + uuid4().bytes)


def test_the_same_request_does_not_reach_the_function_again(
    platform: Deployed, promoted: DeploymentOutcome, asking: Asking
) -> None:
    before = invocations(platform)
    first = asking()
    assert [asking() for _ in range(3)] == [first] * 3
    assert invocations(platform) == before + 1
    another = replace(asking, image=asking.image + b"1")
    others = {asking(x_attempt="1"), asking(x_model_version=promoted.model_version), another()}
    assert len(others - {first}) == 3
    assert invocations(platform) == before + 4


def test_answers_are_forgotten_when_active_version_is_written(
    platform: Deployed, promoted: DeploymentOutcome, asking: Asking
) -> None:
    first = asking()
    assert asking() == first
    Parameters(platform.session.aws.parameters).put(
        platform.session.names.active_version_parameter, promoted.model_version
    )
    until(lambda: asking() != first)


def test_a_wrong_hash_leaves_no_answer_under_the_hash_of_another_image(
    platform: Deployed, asking: Asking
) -> None:
    other = replace(asking, image=asking.image + b"1")
    claimed = {HASH_HEADER: hashlib.sha256(other.image).hexdigest()}
    lie = asking.api.ask(asking.image, content_type="image/png", headers=claimed)
    assert (lie.status, lie.body["error"]["code"]) == (400, "hash_mismatch")
    found = asking.api.predict(other.image)
    event = events(platform.session.aws, platform.session.names.events_stream)[found.prediction_id]
    assert event.image_sha256 == claimed[HASH_HEADER]


@pytest.mark.usefixtures("promoted")
def test_a_request_that_does_not_name_its_image_is_refused(platform: Deployed) -> None:
    answer = platform.session.api.ask(b"x", content_type="image/png", headers={HASH_HEADER: ""})
    assert (answer.status, answer.body["error"]["code"]) == (400, "invalid_request")
    assert HASH_HEADER in answer.body["error"]["message"]


def test_a_hash_of_another_image_is_refused(
    platform: Deployed, promoted: DeploymentOutcome
) -> None:
    image = platform.dataset.samples(1, split="holdout")[0].content
    wrong = {"x-image-sha256": hashlib.sha256(b"another").hexdigest()}
    answer = platform.session.api.ask(image, content_type="image/png", headers=wrong)
    assert (answer.status, answer.body["error"]["code"]) == (400, "hash_mismatch")


def test_a_prediction_that_is_collected_later_is_made_once(
    platform: Deployed, promoted: DeploymentOutcome
) -> None:
    client = platform.session.api.client
    image = platform.dataset.samples(1, split="holdout")[0].content
    prediction_id = client.submit(image)
    found = client.collect(prediction_id)
    event = events(platform.session.aws, platform.session.names.events_stream)[prediction_id]
    assert found.prediction_id == prediction_id
    assert found.model_version == promoted.model_version
    assert found.label == client.predict(image).label
    assert event.image_sha256 == hashlib.sha256(image).hexdigest()


@pytest.mark.usefixtures("promoted")
def test_an_image_that_is_refused_later_says_why(platform: Deployed) -> None:
    client = platform.session.api.client
    prediction_id = client.submit(b"\x89PNG\r\n\x1a\n", content_type="image/png")
    with pytest.raises(RequestRefused) as raised:
        client.collect(prediction_id)
    assert raised.value.code == "truncated"


def test_a_prediction_that_nobody_asked_for_is_unknown(platform: Deployed) -> None:
    answer = platform.session.api.ask(path="/predictions/none", method="GET")
    assert (answer.status, answer.body["error"]["code"]) == (404, "unknown_prediction")


def test_health_names_the_model_in_production(
    platform: Deployed, promoted: DeploymentOutcome
) -> None:
    answer = platform.session.api.ask(path="/health", method="GET")
    assert answer.status == 200
    assert answer.body == {
        "status": "ok",
        "endpoint": "InService",
        "model_version": promoted.model_version,
    }
