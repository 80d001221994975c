"""The stack of intake and the detector: what wakes its functions, and what these may touch."""

import json
from typing import Any

from tests.fakes.cloudformation import text
from tests.infra.conftest import Synthesised
from tests.infra.test_handlers import functions, image_functions, variables
from tests.infra.test_permissions import granted, listed
from visionml.cdk.bundle import ROOT
from visionml.cdk.units.detection_machine import LONGEST_SECONDS
from visionml.contracts.environment import IntakeEnvironment
from visionml.contracts.names import Names

RECEIVER = "visionml.intake.receiver.handler"


def allowed(found: Synthesised, role: str, action: str) -> set[str]:
    """Return the resources on which a role, given by its id's beginning, may do something."""
    return {
        text(resource)
        for policy in found.properties("AWS::IAM::Policy")
        if text(policy["Roles"][0]).startswith(f"<{role}")
        for statement in policy["PolicyDocument"]["Statement"]
        if action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }


def below(found: Synthesised, role: str, action: str) -> set[str]:
    """Return the prefixes of buckets that a role may do something below: ``images/uploads/*``."""
    names = Names.of(found.settings)
    prefixes = set()
    for resource in allowed(found, role, action):
        bucket, _, prefix = resource.split(":::")[1].partition("/")
        kinds = {names.bucket(kind, "000000000000"): kind for kind in ("images", "originals")}
        prefixes.add(f"{kinds[bucket]}/{prefix}")
    return prefixes


def receiver(found: Synthesised) -> dict[str, Any]:
    return image_functions(found)[RECEIVER]


def test_every_upload_is_queued_and_nothing_else(environment: Synthesised) -> None:
    names = Names.of(environment.settings)
    rules = environment.properties("AWS::Events::Rule", stack="Intake")
    (rule,) = [each for each in rules if "EventPattern" in each]
    pattern = rule["EventPattern"]

    assert rule["Name"] == names.intake_rule
    assert pattern["source"] == ["aws.s3"]
    assert pattern["detail-type"] == ["Object Created"]
    assert pattern["detail"]["object"] == {"key": [{"prefix": "uploads/"}]}
    assert text(pattern["detail"]["bucket"]["name"][0]).startswith(names.name("images"))
    (target,) = rule["Targets"]
    assert text(target["Arn"]).endswith(f":{names.intake_queue}")
    assert text(target["DeadLetterConfig"]["Arn"]).endswith(f":{names.failed_intake_queue}")


def test_the_receiver_works_as_the_settings_say(
    environment: Synthesised, overridden: Synthesised
) -> None:
    settings, function = environment.settings, receiver(environment)

    assert function["FunctionName"] == Names.of(settings).function("receiver")
    assert (function["MemorySize"], function["Timeout"]) == (
        settings.intake.memory_mb,
        settings.intake.seconds,
    )
    assert function["TracingConfig"] == {"Mode": "Active"}
    assert "ReservedConcurrentExecutions" not in function
    assert receiver(overridden)["ReservedConcurrentExecutions"] == 60
    assert "TracingConfig" not in receiver(overridden)
    assert ROOT.joinpath(*RECEIVER.split(".")[:-1]).with_suffix(".py").is_file()


def test_the_receivers_variables_are_what_its_record_reads(
    environment: Synthesised, overridden: Synthesised
) -> None:
    for found in (environment, overridden):
        given = variables(receiver(found))
        assert IntakeEnvironment.read(given).variables() == given
    assert variables(receiver(environment))["ORIGINALS_BUCKET"] == ""
    assert "-originals-" in variables(receiver(overridden))["ORIGINALS_BUCKET"]


def test_failed_images_of_a_batch_are_tried_again_alone(environment: Synthesised) -> None:
    (mapping,) = environment.properties("AWS::Lambda::EventSourceMapping", stack="Intake")
    intake = environment.settings.intake

    assert text(mapping["EventSourceArn"]).endswith(
        f":{Names.of(environment.settings).intake_queue}"
    )
    assert mapping["BatchSize"] == intake.batch
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": intake.maximum_concurrency}


def test_the_receiver_takes_uploads_and_leaves_what_it_made_of_them(local: Synthesised) -> None:
    role = "HandlersReceiver"
    made = {"images/accepted/*", "images/previews/*", "images/quarantine/*"}

    assert below(local, role, "s3:GetObjectVersion") == {"images/uploads/*"}
    assert below(local, role, "s3:PutObject") == made
    # it takes back what it wrote where another one was faster
    assert below(local, role, "s3:DeleteObjectVersion") == {"images/uploads/*", *made}
    assert allowed(local, role, "states:StartExecution") == {
        "arn:aws:states:us-east-1:000000000000:stateMachine:"
        + Names.of_detector(local.settings).detection_machine
    }


def test_the_detector_moves_images_between_folders_and_no_further(local: Synthesised) -> None:
    folders = {"images/cats/*", "images/dogs/*", "images/others/*"}

    assert below(local, "DetectorImageProcessor", "s3:GetObject") == {"images/previews/*"}
    assert below(local, "DetectorNotificationService", "s3:GetObject") == {"images/previews/*"}
    manager = "DetectorFileManager"
    # what could not be looked at lies among the others until it is
    assert below(local, manager, "s3:GetObjectVersion") == {"images/accepted/*", "images/others/*"}
    assert below(local, manager, "s3:PutObject") == folders
    assert below(local, manager, "s3:DeleteObjectVersion") == {*folders, "images/accepted/*"}


def test_images_left_behind_are_looked_for_as_often_as_the_settings_say(
    environment: Synthesised,
) -> None:
    detector, names = environment.settings.detector, Names.of(environment.settings)
    rules = environment.properties("AWS::Events::Rule", stack="Intake")
    (rule,) = [each for each in rules if each["Name"] == names.name("image-retry")]
    given = variables(functions(environment)["image_retrier"])

    assert rule["ScheduleExpression"] == f"rate({detector.retry_minutes} minutes)"
    assert int(given["RETRY_SECONDS"]) == 60 * detector.retry_minutes
    # an image whose execution still may run is left alone
    assert int(given["RETRY_SECONDS"]) > LONGEST_SECONDS
    assert int(given["RETRY_ATTEMPTS"]) == detector.retry_attempts


def test_who_looks_for_images_left_behind_starts_the_detector_and_reads_no_image(
    local: Synthesised,
) -> None:
    role = "HandlersImageRetrier"
    assert allowed(local, role, "states:StartExecution") == {
        "arn:aws:states:us-east-1:000000000000:stateMachine:"
        + Names.of_detector(local.settings).detection_machine
    }
    assert len(allowed(local, role, "sns:Publish")) == 1
    assert below(local, role, "s3:GetObject") == set()


def test_the_api_shows_previews_and_takes_uploads(local: Synthesised) -> None:
    assert below(local, "HandlersImageReader", "s3:GetObject") == {"images/previews/*"}
    assert below(local, "HandlersUploadReceiver", "s3:PutObject") == {"images/uploads/*"}


def statements_on(found: Synthesised, what: str) -> dict[str, list[dict[str, Any]]]:
    """Return the statements whose resources name something, by role."""
    named: dict[str, list[dict[str, Any]]] = {}
    for policy in found.properties("AWS::IAM::Policy"):
        for statement in policy["PolicyDocument"]["Statement"]:
            if what in json.dumps(statement["Resource"]):
                named.setdefault(text(policy["Roles"][0]), []).append(statement)
    return named


def test_no_function_touches_unredacted_originals_where_none_are_kept(
    environment: Synthesised,
) -> None:
    assert statements_on(environment, "originals") == {}
    assert statements_on(environment, "OriginalsKey") == {}


def test_the_receiver_alone_writes_unredacted_originals_and_nobody_reads_them(
    overridden: Synthesised,
) -> None:
    ((role, statements),) = statements_on(overridden, "originals").items()
    ((key_role, of_key),) = statements_on(overridden, "OriginalsKey").items()

    assert role == key_role
    assert role.startswith("<HandlersReceiver")
    (statement,) = statements
    assert sorted(statement["Action"]) == ["s3:DeleteObjectVersion", "s3:PutObject"]
    assert [statement["Action"] for statement in of_key] == ["kms:GenerateDataKey"]


def test_faces_and_text_are_looked_for_where_they_are_hidden(
    environment: Synthesised, overridden: Synthesised
) -> None:
    looking = {"rekognition:DetectFaces", "rekognition:DetectText"}

    assert not granted(environment, "HandlersReceiver") & looking
    assert looking <= granted(overridden, "HandlersReceiver")


def test_people_are_told_on_an_encrypted_topic_of_the_detector(environment: Synthesised) -> None:
    (topic,) = environment.properties("AWS::SNS::Topic", stack="Intake")

    assert topic["TopicName"] == Names.of_detector(environment.settings).uncertain_topic
    assert "KmsMasterKeyId" in topic
    assert environment.properties("AWS::SNS::Subscription") == []


def test_the_images_api_checks_orders_and_knows_its_parameters(environment: Synthesised) -> None:
    methods = {
        each["OperationName"]: each
        for each in environment.properties("AWS::ApiGateway::Method", stack="Intake")
        if "OperationName" in each
    }

    assert "application/json" in methods["upload"]["RequestModels"]
    assert "RequestValidatorId" in methods["upload"]
    asked = {name.split(".")[-1] for name in methods["list"]["RequestParameters"]}
    assert asked == {"status", "label", "user", "sha256", "from", "to", "limit", "next"}
    assert methods["find"]["RequestParameters"] == {"method.request.path.id": True}


def test_intake_needs_neither_training_nor_serving(environment: Synthesised) -> None:
    manifest = json.loads((environment.folder / "manifest.json").read_text())
    needed = manifest["artifacts"]["Intake"]["dependencies"]

    assert {each for each in needed if "." not in each} <= {"Storage", "Network", "Monitoring"}
