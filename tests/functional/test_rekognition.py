"""The embedded Rekognition: what it sees, for whom it reads, and what it refuses."""

import contextlib
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import numpy as np
import psutil
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from PIL import Image
from skimage import data
from typer.testing import CliRunner

from tests.fakes.colours import write_model
from tests.functional.waiting import until
from visionml.aws.session import Aws
from visionml.cli.local import local
from visionml.errors import InvalidInput
from visionml.imaging.model_input import pixels
from visionml.local import processes
from visionml.local.rekognition.registered import register, registered
from visionml.local.state import REGION, Project, State
from visionml.model import artefact
from visionml.serving.models import open_model

CLASSES = ("cat", "dog", "palm_tree")
REDDISH, GREENISH, BLUISH = (150, 110, 100), (110, 150, 100), (100, 110, 150)
BUCKET = "rekognition-tests"


def shown(colour: tuple[int, int, int], *, kind: str = "JPEG", side: int = 96) -> bytes:
    """Return a picture of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(buffer, kind)
    return buffer.getvalue()


def sample(name: str) -> Any:
    """Return one of scikit-image's pictures."""
    return getattr(data, name)()


@pytest.fixture(scope="module")
def model(
    aws: Aws, local_project: Project, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A model of three classes by colour, in the bucket too; afterwards all is as it was."""
    before = registered(local_project)
    folder = write_model(tmp_path_factory.mktemp("labels"), size=32, classes=CLASSES)
    archive = artefact.pack(folder, folder.parent / f"{uuid4().hex}.tar.gz")
    aws.s3.create_bucket(Bucket=BUCKET)
    versioning: Any = {"Status": "Enabled"}
    aws.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration=versioning)
    aws.s3.upload_file(str(archive), BUCKET, "model.tar.gz")
    yield folder
    if before:
        register(local_project, artefact=before.artefact, version=before.version)
    else:
        (local_project.folder / "rekognition.json").unlink(missing_ok=True)


@pytest.fixture
def client(aws: Aws, local_project: Project, model: Path) -> Any:
    register(local_project, artefact=f"s3://{BUCKET}/model.tar.gz", version="v7")
    return aws.client("rekognition", retries={"total_max_attempts": 1})


def test_labels_are_the_shares_that_serving_answers(client: Any, model: Path) -> None:
    picture = shown(REDDISH)
    found = client.detect_labels(Image={"Bytes": picture}, MinConfidence=0)
    serving = open_model(model)
    seen = pixels(picture, height=32, width=32)
    shares = serving.infer(seen[np.newaxis]).probabilities[0]
    assert [each["Name"] for each in found["Labels"]] == ["Cat", "Dog", "Palm Tree"]
    assert [each["Confidence"] for each in found["Labels"]] == [
        float(share) * 100 for share in sorted(shares, reverse=True)
    ]
    assert found["LabelModelVersion"] == "visionml-v7"
    cat, _, tree = found["Labels"]
    assert [each["Name"] for each in cat["Parents"]] == ["Animal", "Mammal", "Pet"]
    assert tree["Parents"] == []


def test_labels_are_few_and_confident_where_a_request_asks_for_that(client: Any) -> None:
    picture = {"Bytes": shown(REDDISH, kind="PNG")}
    usual = client.detect_labels(Image=picture)["Labels"]
    assert [each["Name"] for each in usual] == ["Cat"]
    assert usual[0]["Confidence"] >= 55
    one = client.detect_labels(Image=picture, MinConfidence=0, MaxLabels=1)["Labels"]
    assert [each["Name"] for each in one] == ["Cat"]
    assert client.detect_labels(Image=picture, MinConfidence=99.9)["Labels"] == []


def test_the_version_of_an_object_that_is_named_is_looked_at(client: Any, aws: Aws) -> None:
    first = aws.s3.put_object(Bucket=BUCKET, Key="one/pic.jpg", Body=shown(GREENISH))
    aws.s3.put_object(Bucket=BUCKET, Key="one/pic.jpg", Body=shown(BLUISH))
    place = {"Bucket": BUCKET, "Name": "one/pic.jpg"}

    def seen(**more: str) -> str:
        found = client.detect_labels(Image={"S3Object": {**place, **more}}, MaxLabels=1)
        return str(found["Labels"][0]["Name"])

    assert seen() == "Palm Tree"
    assert seen(Version=first["VersionId"]) == "Dog"


def test_faces_are_found_as_shares_of_the_picture(client: Any) -> None:
    buffer = io.BytesIO()
    Image.fromarray(sample("astronaut")).save(buffer, "PNG")
    face, *_ = client.detect_faces(Image={"Bytes": buffer.getvalue()})["FaceDetails"]
    box = face["BoundingBox"]
    assert 0.3 < box["Left"] + box["Width"] / 2 < 0.55
    assert 0.1 < box["Top"] + box["Height"] / 2 < 0.4
    assert face["Confidence"] > 90


def test_lines_of_text_are_found_and_not_read(client: Any) -> None:
    buffer = io.BytesIO()
    Image.fromarray(sample("page")).convert("RGB").save(buffer, "PNG")
    found = client.detect_text(Image={"Bytes": buffer.getvalue()})["TextDetections"]
    assert len(found) > 3
    assert {each["Type"] for each in found} == {"LINE"}
    assert {each["DetectedText"] for each in found} == {""}
    box, corners = found[0]["Geometry"]["BoundingBox"], found[0]["Geometry"]["Polygon"]
    assert corners[0] == {"X": box["Left"], "Y": box["Top"]}
    assert client.detect_faces(Image={"Bytes": shown(REDDISH)})["FaceDetails"] == []


def refusal(call: Callable[..., Any], **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(**request)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


FORMAT = ("InvalidImageFormatException", "Request has invalid image format")
PARAMETERS = ("InvalidParameterException", "Request has invalid parameters")


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ({"Bytes": b"plain text"}, FORMAT),
        ({"Bytes": shown(REDDISH, kind="WEBP")}, FORMAT),
        ({"Bytes": shown(REDDISH)[:-40]}, FORMAT),
        ({"Bytes": shown(REDDISH, side=79)}, PARAMETERS),
        ({}, PARAMETERS),
        ({"Bytes": shown(REDDISH), "S3Object": {"Bucket": BUCKET, "Name": "x"}}, PARAMETERS),
        ({"S3Object": {"Name": "x"}}, PARAMETERS),
    ],
)
def test_a_picture_that_is_none_is_refused(
    client: Any, image: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert refusal(client.detect_labels, Image=image) == expected


@pytest.mark.parametrize(("bucket", "key"), [(BUCKET, "missing.jpg"), ("no-such-bucket", "x")])
def test_an_object_that_is_not_there_is_refused(client: Any, bucket: str, key: str) -> None:
    code, message = refusal(
        client.detect_labels, Image={"S3Object": {"Bucket": bucket, "Name": key}}
    )
    assert code == "InvalidS3ObjectException"
    assert message.startswith("Unable to get object metadata from S3.")


def test_large_files_are_refused_by_how_they_come(client: Any, aws: Aws) -> None:
    code, message = refusal(client.detect_labels, Image={"Bytes": bytes(5 * 1024**2 + 1)})
    assert code == "ValidationException"
    assert message.endswith(
        "at 'image.bytes' failed to satisfy constraint: "
        "Member must have length less than or equal to 5242880"
    )
    large = shown(REDDISH) + bytes(15 * 1024**2)
    aws.s3.put_object(Bucket=BUCKET, Key="large.jpg", Body=large)
    place = {"S3Object": {"Bucket": BUCKET, "Name": "large.jpg"}}
    code, _ = refusal(client.detect_labels, Image=place)
    assert code == "ImageTooLargeException"


def test_what_is_not_offered_says_so(client: Any) -> None:
    picture = {"Bytes": shown(REDDISH)}
    code, message = refusal(client.detect_labels, Image=picture, Features=["IMAGE_PROPERTIES"])
    assert code == "InvalidParameterException"
    assert "exists on AWS only" in message
    code, _ = refusal(client.detect_faces, Image=picture, Attributes=["ALL"])
    assert code == "InvalidParameterException"
    code, message = refusal(client.detect_moderation_labels, Image=picture)
    assert code == "NotImplementedException"
    assert client.detect_labels(Image=picture, Features=["GENERAL_LABELS"])["Labels"]


def somebody(aws: Aws, server: State, *statements: dict[str, Any]) -> Any:
    """Return Rekognition as a new user sees it, who may do these things."""
    iam, name = aws.client("iam"), f"looker-{uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    allowed = [{"Effect": "Allow", **statement} for statement in statements]
    policy = json.dumps({"Version": "2012-10-17", "Statement": allowed})
    iam.put_user_policy(UserName=name, PolicyName="may", PolicyDocument=policy)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return boto3.client(
        "rekognition",
        region_name=REGION,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        endpoint_url=server.endpoint_url,
        verify=server.ca_bundle,
        config=Config(retries={"total_max_attempts": 1}),
    )


def test_objects_are_read_with_the_callers_own_rights(
    client: Any, aws: Aws, aws_local: State
) -> None:
    del client
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    aws.s3.put_object(
        Bucket=BUCKET,
        Key="secret.jpg",
        Body=shown(REDDISH),
        ServerSideEncryption="aws:kms",
        SSEKMSKeyId=key,
    )
    request = {"Image": {"S3Object": {"Bucket": BUCKET, "Name": "secret.jpg"}}}
    look = {"Action": "rekognition:DetectLabels", "Resource": "*"}
    read = {"Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/secret.jpg"}
    decrypt = {"Action": "kms:Decrypt", "Resource": key}

    def code(*statements: dict[str, Any]) -> str:
        return refusal(somebody(aws, aws_local, *statements).detect_labels, **request)[0]

    assert code(read, decrypt) == "AccessDeniedException"
    assert code(look, decrypt) == "InvalidS3ObjectException"
    assert code(look, read) == "InvalidS3ObjectException"
    assert somebody(aws, aws_local, look, read, decrypt).detect_labels(**request)["Labels"]


def test_another_model_answers_once_it_is_registered(
    client: Any, aws: Aws, local_project: Project, tmp_path: Path
) -> None:
    picture = {"Bytes": shown(REDDISH)}
    assert client.detect_labels(Image=picture, MaxLabels=1)["Labels"][0]["Name"] == "Cat"
    folder = write_model(tmp_path / "other", size=32, classes=("fox", "hen", "pig"))
    archive = artefact.pack(folder, tmp_path / "other.tar.gz")
    aws.s3.upload_file(str(archive), BUCKET, "other.tar.gz")
    register(local_project, artefact=f"s3://{BUCKET}/other.tar.gz", version="v8")
    found = client.detect_labels(Image=picture, MaxLabels=1)
    assert (found["Labels"][0]["Name"], found["LabelModelVersion"]) == ("Fox", "visionml-v8")


def test_without_a_model_it_says_what_to_run(client: Any, local_project: Project) -> None:
    picture = {"Bytes": shown(REDDISH)}
    register(local_project, artefact=f"s3://{BUCKET}/no-such-model.tar.gz", version="v9")
    code, message = refusal(client.detect_labels, Image=picture)
    assert code == "InternalServerError"
    assert "no-such-model.tar.gz cannot be read" in message
    (local_project.folder / "rekognition.json").unlink()
    code, message = refusal(client.detect_labels, Image=picture)
    assert code == "InternalServerError"
    assert "visionml local labels s3://" in message


def test_it_looks_again_after_the_process_that_looks_was_killed(
    client: Any, local_project: Project
) -> None:
    picture = {"Bytes": shown(REDDISH)}
    before = client.detect_labels(Image=picture)["Labels"]

    def looking() -> list[psutil.Process]:
        return [each for each in processes.of_project(local_project.folder) if _looks(each)]

    for eyes in looking():
        eyes.kill()
    until(lambda: not looking())
    assert client.detect_labels(Image=picture)["Labels"] == before
    assert len(looking()) == 1


def _looks(process: psutil.Process) -> bool:
    try:
        return "visionml.serving.eyes" in process.cmdline()
    except psutil.Error:  # it ended meanwhile
        return False


def test_the_command_line_registers_a_model_and_shows_it(
    client: Any, local_project: Project
) -> None:
    del client

    def ran(*words: str) -> Any:
        with contextlib.chdir(local_project.folder.parent):
            done = CliRunner().invoke(local, ["labels", *words, "--json"], catch_exceptions=False)
        return json.loads(done.stdout)

    named = {"artefact": "s3://bucket/model.tar.gz", "version": "v1"}
    assert ran("s3://bucket/model.tar.gz", "--version", "v1") == named
    assert ran() == named
    with pytest.raises(InvalidInput, match="address"):
        ran("model.tar.gz", "--version", "v1")
