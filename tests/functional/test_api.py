"""The inference API on the deployed platform: one test a status, and what an answer leaves."""

import hashlib

from tests.functional.platform import Deployed
from visionml.aws.session import Aws
from visionml.contracts.deployment import DeploymentOutcome
from visionml.contracts.inference import InferenceEvent


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
