import json
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Match, Template
from aws_cdk.aws_kms import Key

from tests.fakes.cloudformation import text
from tests.infra.conftest import Synthesised
from visionml.cdk.units.lineage import Lineage
from visionml.cdk.units.streams import shards
from visionml.contracts import settings
from visionml.contracts.names import Names
from visionml.errors import SettingsInvalid

BUCKETS = ("raw", "datasets", "models", "results", "images", "originals", "logs")
PINNED = {
    "AWS::S3::Bucket": {
        "RawBucket",
        "DatasetsBucket",
        "ModelsBucket",
        "ResultsBucket",
        "ImagesBucket",
        "OriginalsBucket",
        "LogsBucket",
    },
    "AWS::DynamoDB::Table": {"LineageTable", "PredictionsTable", "ImagesTable"},
    "AWS::Kinesis::Stream": {"EventsStream", "RequestsStream"},
    "AWS::KMS::Key": {"ImagesKey", "ModelsKey", "RecordsKey", "OperationsKey", "OriginalsKey"},
    "AWS::SecretsManager::Secret": {"PseudonymSecret"},
}


@pytest.mark.parametrize("kind", PINNED)
def test_logical_ids_of_what_holds_data_never_change(environment: Synthesised, kind: str) -> None:
    found = {path.split("/")[1] for path in environment.resources(kind)}

    assert found == PINNED[kind]


def test_every_bucket_is_private_versioned_and_named_by_the_contract(local: Synthesised) -> None:
    names = Names.of(local.settings)
    buckets = local.properties("AWS::S3::Bucket")

    expected = {names.bucket(kind, "000000000000") for kind in BUCKETS}
    assert {bucket["BucketName"] for bucket in buckets} == expected
    for bucket in buckets:
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]


def test_buckets_are_encrypted_with_their_own_keys(local: Synthesised) -> None:
    for path, bucket in local.resources("AWS::S3::Bucket").items():
        (rule,) = bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        by_default = rule["ServerSideEncryptionByDefault"]
        if path.endswith("LogsBucket"):  # S3 delivers access logs to no other kind
            assert by_default == {"SSEAlgorithm": "AES256"}
        else:
            assert by_default["SSEAlgorithm"] == "aws:kms"
            assert by_default["KMSMasterKeyID"]["Fn::GetAtt"][1] == "Arn"


def test_every_bucket_refuses_plain_http(environment: Synthesised) -> None:
    refusing = [
        policy["Bucket"]["Ref"]
        for policy in environment.properties("AWS::S3::BucketPolicy")
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
        and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    ]

    assert sorted(refusing) == sorted(PINNED["AWS::S3::Bucket"])


def test_uploads_are_announced_without_a_custom_resource(environment: Synthesised) -> None:
    announced = {
        path
        for path, bucket in environment.resources("AWS::S3::Bucket").items()
        if bucket["Properties"].get("NotificationConfiguration")
        == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    }

    assert announced == {"Storage/RawBucket", "Storage/ImagesBucket"}
    assert environment.resources("AWS::Lambda::Function", stack="Storage") == {}


def test_images_expire_after_the_days_of_the_settings(prod: Synthesised) -> None:
    raw = prod.resources("AWS::S3::Bucket")["Storage/RawBucket"]["Properties"]
    rules = {rule["Id"]: rule for rule in raw["LifecycleConfiguration"]["Rules"]}

    assert rules["expire"]["ExpirationInDays"] == prod.settings.retention.images_days == 90
    assert rules["tidy"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}


@pytest.mark.parametrize("kind", PINNED)
def test_data_outlives_its_stack_in_production_only(environment: Synthesised, kind: str) -> None:
    wanted = "Retain" if environment.settings.environment == "prod" else "Delete"

    assert {each["DeletionPolicy"] for each in environment.resources(kind).values()} == {wanted}


def test_every_key_rotates(environment: Synthesised) -> None:
    keys = environment.properties("AWS::KMS::Key")

    assert len(keys) == 5
    assert all(key["EnableKeyRotation"] is True for key in keys)


def test_the_lineage_table_can_be_listed_by_status_and_restored() -> None:
    stack = Stack(App(), "Stack")
    chosen = settings.load("prod")
    Lineage(stack, "Lineage", settings=chosen, names=Names.of(chosen), key=Key(stack, "Key"))

    Template.from_stack(stack).has_resource_properties(
        "AWS::DynamoDB::Table",
        {
            "TableName": "ml-pipeline-lineage-prod-us-east-1",
            "KeySchema": [
                {"AttributeName": "PK", "KeyType": "HASH"},
                {"AttributeName": "SK", "KeyType": "RANGE"},
            ],
            "GlobalSecondaryIndexes": [
                Match.object_like(
                    {
                        "IndexName": "StatusIndex",
                        "KeySchema": [
                            {"AttributeName": "status", "KeyType": "HASH"},
                            {"AttributeName": "timestamp", "KeyType": "RANGE"},
                        ],
                    }
                )
            ],
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
            "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
            "SSESpecification": {"SSEEnabled": True, "SSEType": "KMS"},
            "DeletionProtectionEnabled": True,
        },
    )


def test_buckets_of_an_unknown_account_are_named_by_the_account_they_come_to(
    prod: Synthesised,
) -> None:
    raw = prod.resources("AWS::S3::Bucket")["Storage/RawBucket"]["Properties"]["BucketName"]

    assert raw == {"Fn::Join": ["", ["ml-pipeline-raw-prod-us-east-1-", {"Ref": "AWS::AccountId"}]]}


def test_streams_are_encrypted_and_named_by_the_contract(environment: Synthesised) -> None:
    streams = environment.properties("AWS::Kinesis::Stream")
    names = Names.of(environment.settings)

    assert {each["Name"] for each in streams} == {names.events_stream, names.requests_stream}
    for stream in streams:
        assert stream["StreamEncryption"]["EncryptionType"] == "KMS"
        assert text(stream["StreamEncryption"]["KeyId"]) == "<RecordsKey.Arn>"
        assert stream["ShardCount"] == environment.settings.stream.minimum_shards


def test_predictions_expire_and_are_encrypted(environment: Synthesised) -> None:
    tables = {
        path.split("/")[1]: each["Properties"]
        for path, each in environment.resources("AWS::DynamoDB::Table").items()
    }
    table = tables["PredictionsTable"]
    assert table["TableName"] == Names.of(environment.settings).predictions_table
    assert table["TimeToLiveSpecification"] == {
        "AttributeName": "expirationTime",
        "Enabled": True,
    }
    assert text(table["SSESpecification"]["KMSMasterKeyId"]) == "<RecordsKey.Arn>"


@pytest.mark.parametrize(
    ("predictions", "count"), [(1, 2), (100_000, 2), (17_280_000, 2), (17_280_001, 3)]
)
def test_shards_follow_from_a_days_predictions(predictions: int, count: int) -> None:
    chosen = settings.load("dev", {"predictions_per_day": predictions})
    assert shards(chosen) == count


def queues(found: Synthesised) -> dict[str, dict[str, Any]]:
    return {each["QueueName"]: each for each in found.properties("AWS::SQS::Queue")}


def test_failures_go_to_an_encrypted_queue_that_keeps_them_long(environment: Synthesised) -> None:
    queue = queues(environment)[Names.of(environment.settings).failed_requests_queue]

    assert text(queue["KmsMasterKeyId"]) == "<RecordsKey.Arn>"
    assert queue["MessageRetentionPeriod"] == 14 * 86_400


def requests_mapping(found: Synthesised) -> dict[str, Any]:
    """Return the mapping of the requests stream to its consumer."""
    consumer = Names.of(found.settings).function("prediction_consumer")
    functions = {
        text(each["Properties"]["FunctionName"]): f"<{path.split('/')[1]}>"
        for path, each in found.resources("AWS::Lambda::Function").items()
    }
    (mapping,) = [
        each
        for each in found.properties("AWS::Lambda::EventSourceMapping")
        if text(each["FunctionName"]) == functions[consumer]
    ]
    return mapping


def test_requests_that_fail_are_isolated_and_told_of(environment: Synthesised) -> None:
    names, mapping = Names.of(environment.settings), requests_mapping(environment)

    assert text(mapping["EventSourceArn"]).endswith(f":stream/{names.requests_stream}")
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert (mapping["MaximumRetryAttempts"], mapping["ParallelizationFactor"]) == (12, 1)
    assert (mapping["BatchSize"], mapping["MaximumBatchingWindowInSeconds"]) == (64, 0)
    destination = text(mapping["DestinationConfig"]["OnFailure"]["Destination"])
    assert destination.endswith(f":{names.failed_requests_queue}")


def test_the_consumer_gives_a_request_up_before_lambda_does(environment: Synthesised) -> None:
    stream, mapping = environment.settings.stream, requests_mapping(environment)
    (function,) = [
        each
        for each in environment.properties("AWS::Lambda::Function")
        if text(each["FunctionName"]).count("prediction-consumer")
    ]
    known = function["Environment"]["Variables"]

    assert int(known["MAXIMUM_AGE_SECONDS"]) == stream.maximum_age_seconds
    assert mapping["MaximumRecordAgeInSeconds"] >= stream.maximum_age_seconds + function["Timeout"]
    assert mapping["MaximumRetryAttempts"] * int(known["PATIENCE_SECONDS"]) >= 3600
    assert function["Timeout"] > int(known["PATIENCE_SECONDS"])


def test_images_that_go_together_cannot_ring_the_alarm_on_latency(
    environment: Synthesised,
) -> None:
    (known,) = [
        each["Environment"]["Variables"]
        for each in environment.properties("AWS::Lambda::Function")
        if text(each["FunctionName"]).count("prediction-consumer")
    ]
    assert int(known["IMAGES_PER_INVOCATION"]) > 1
    alarms = environment.settings.alarms
    assert int(known["INVOCATION_MILLISECONDS"]) * 2 <= alarms.latency_average_ms


def test_streams_may_be_on_demand_and_read_by_a_registered_consumer(
    overridden: Synthesised,
) -> None:
    found = overridden
    for each in found.properties("AWS::Kinesis::Stream"):
        assert each["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
        assert "ShardCount" not in each
    (consumer,) = found.properties("AWS::Kinesis::StreamConsumer")
    stream = Names.of(found.settings).requests_stream
    assert text(consumer["StreamARN"]).endswith(f":stream/{stream}")
    assert "FanOut" in text(requests_mapping(found)["EventSourceArn"])
    policies = json.dumps(found.properties("AWS::IAM::Policy"))
    assert "kinesis:SubscribeToShard" in policies


def test_a_mapping_that_gives_up_before_the_consumer_is_refused() -> None:
    with pytest.raises(SettingsInvalid, match="retry_attempts times patience_seconds"):
        settings.load("dev", {"stream.retry_attempts": 1})
