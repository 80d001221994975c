"""Where uploads and what becomes of them are kept, and who learns of an upload."""

from typing import Any

import pytest

from tests.fakes.cloudformation import text
from tests.infra.conftest import Synthesised
from visionml.contracts.names import Names
from visionml.contracts.settings import IntakeSettings

FOLDERS = ("accepted/", "cats/", "dogs/", "others/")


def rules(found: Synthesised, bucket: str) -> dict[str, dict[str, Any]]:
    """Return a bucket's lifecycle rules by their ids."""
    properties = found.resources("AWS::S3::Bucket")[f"Storage/{bucket}"]["Properties"]
    return {rule["Id"]: rule for rule in properties["LifecycleConfiguration"]["Rules"]}


def queue(found: Synthesised, name: str) -> dict[str, Any]:
    """Return the properties of the queue of that name."""
    (properties,) = [
        each for each in found.properties("AWS::SQS::Queue") if each["QueueName"] == name
    ]
    return properties


@pytest.mark.parametrize("folder", FOLDERS)
def test_images_become_cheaper_to_keep_and_end(environment: Synthesised, folder: str) -> None:
    rule = rules(environment, "ImagesBucket")[f"keep-{folder.strip('/')}"]
    keep = environment.settings.retention

    assert rule["Prefix"] == folder
    assert rule["Transitions"] == [
        {"StorageClass": "STANDARD_IA", "TransitionInDays": keep.infrequent_days},
        {"StorageClass": "GLACIER_IR", "TransitionInDays": keep.archive_days},
    ]
    assert rule["ExpirationInDays"] == keep.organised_days


def test_previews_refused_files_and_leftovers_end(environment: Synthesised) -> None:
    found = rules(environment, "ImagesBucket")
    keep = environment.settings.retention
    expected = {
        "previews/": keep.previews_days,
        "quarantine/": keep.quarantine_days,
        "uploads/": 7,
    }

    for prefix, days in expected.items():
        rule = found[f"expire-{prefix.strip('/')}"]
        assert (rule["Prefix"], rule["ExpirationInDays"]) == (prefix, days)


def test_what_was_moved_on_leaves_nothing_behind(environment: Synthesised) -> None:
    found = rules(environment, "ImagesBucket")

    assert found["tidy-accepted"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    assert found["tidy-markers"]["ExpiredObjectDeleteMarker"] is True


def test_unredacted_originals_end_for_good_under_a_key_of_their_own(
    environment: Synthesised,
) -> None:
    found = rules(environment, "OriginalsBucket")
    bucket = environment.resources("AWS::S3::Bucket")["Storage/OriginalsBucket"]["Properties"]
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]

    assert found["expire"]["ExpirationInDays"] == environment.settings.retention.originals_days
    assert found["tidy"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    key = rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"]
    assert text(key) == "<OriginalsKey.Arn>"


def test_images_are_listed_by_status_user_animal_and_hash(environment: Synthesised) -> None:
    table = environment.resources("AWS::DynamoDB::Table")["Storage/ImagesTable"]["Properties"]

    def keys(schema: list[dict[str, str]]) -> tuple[str, ...]:
        return tuple(each["AttributeName"] for each in schema)

    assert table["TableName"] == Names.of(environment.settings).images_table
    assert keys(table["KeySchema"]) == ("ImageID", "Timestamp")
    assert {
        each["IndexName"]: keys(each["KeySchema"]) for each in table["GlobalSecondaryIndexes"]
    } == {
        "StatusIndex": ("ProcessingStatus", "Timestamp"),
        "UserIndex": ("UserID", "Timestamp"),
        "LabelIndex": ("DetectedAnimal", "Timestamp"),
        "HashIndex": ("UploadHash", "Timestamp"),
    }
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["TimeToLiveSpecification"] == {"AttributeName": "Expires", "Enabled": True}
    assert table["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert text(table["SSESpecification"]["KMSMasterKeyId"]) == "<RecordsKey.Arn>"


def test_uploads_wait_encrypted_until_they_were_tried_often_enough(
    environment: Synthesised,
) -> None:
    names, intake = Names.of(environment.settings), environment.settings.intake
    waiting = queue(environment, names.intake_queue)
    failed = queue(environment, names.failed_intake_queue)
    (failed_id,) = [
        path.split("/")[1]
        for path, each in environment.resources("AWS::SQS::Queue").items()
        if each["Properties"] == failed
    ]

    assert waiting["VisibilityTimeout"] == intake.hidden_seconds >= intake.seconds
    assert waiting["RedrivePolicy"]["maxReceiveCount"] == intake.attempts
    assert text(waiting["RedrivePolicy"]["deadLetterTargetArn"]) == f"<{failed_id}.Arn>"
    for each in (waiting, failed):
        assert text(each["KmsMasterKeyId"]) == "<ImagesKey.Arn>"
        assert each["MessageRetentionPeriod"] == 14 * 86_400


def test_only_the_rule_of_uploads_fills_the_queues(environment: Synthesised) -> None:
    names = Names.of(environment.settings)
    sending = [
        statement
        for policy in environment.properties("AWS::SQS::QueuePolicy")
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]

    assert len(sending) == 2
    for statement in sending:
        assert statement["Principal"] == {"Service": "events.amazonaws.com"}
        assert statement["Action"] == "sqs:SendMessage"
        rule = text(statement["Condition"]["ArnEquals"]["aws:SourceArn"])
        assert rule.endswith(f":rule/{names.intake_rule}")


def test_the_secret_of_pseudonyms_is_made_up_and_encrypted(environment: Synthesised) -> None:
    (secret,) = environment.properties("AWS::SecretsManager::Secret")

    assert secret["Name"] == Names.of(environment.settings).pseudonym_secret
    assert secret["GenerateSecretString"]["PasswordLength"] >= 32
    assert text(secret["KmsKeyId"]) == "<RecordsKey.Arn>"
    assert "SecretString" not in secret


def test_an_upload_is_tried_again_after_the_function_gave_up_at_the_earliest() -> None:
    assert IntakeSettings(seconds=100).hidden_seconds == 600
    assert IntakeSettings(seconds=100, retry_seconds=100).hidden_seconds == 100
    with pytest.raises(ValueError, match="AWS refuses"):
        IntakeSettings(seconds=100, retry_seconds=99)


def test_as_many_uploads_are_handed_out_as_the_function_may_take() -> None:
    assert IntakeSettings(reserved_concurrency=50).maximum_concurrency == 50
    with pytest.raises(ValueError, match="turned away"):
        IntakeSettings(reserved_concurrency=49)
