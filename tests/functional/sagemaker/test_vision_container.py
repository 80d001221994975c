"""The vision container behind an endpoint: what callers ask of it, and what its role may read."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from PIL import Image

from tests.fakes import models
from tests.fakes.pictures import encoded
from tests.functional.sagemaker.world import BUCKET, DOCKERFILE, REPOSITORY, World
from visionml.contracts.inference import (
    BatchPrediction,
    ContainerPrediction,
    ErrorBody,
    MonitoredPrediction,
)
from visionml.local.assembly import ImageAsset
from visionml.local.assets import publish_image
from visionml.local.state import ACCOUNT, REGION, Project
from visionml.model import artefact

SERVE = Path(__file__).parents[3] / "infra" / "images" / "vision" / "bin" / "serve"
TAG = "vision"
CLOSED = f"vision-closed-{ACCOUNT}"
LIGHT = encoded(Image.new("RGB", (48, 48), (240, 240, 240)), "PNG")


@pytest.fixture(scope="module")
def model(
    world: World, local_project: Project, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """The container definition of a model; its environment allows two places in S3.

    The role may read the first alone.
    """
    context = tmp_path_factory.mktemp("vision")
    (context / "bin").mkdir()
    shutil.copy(SERVE, context / "bin" / "serve")
    (context / "Dockerfile").write_text(DOCKERFILE.lstrip(), encoding="utf-8")
    asset = ImageAsset(context, "Dockerfile", REPOSITORY, TAG)
    publish_image(world.aws, local_project.images, asset)
    folder = tmp_path_factory.mktemp("artefact")
    models.write_brightness_model(folder / "model", embedding=True)
    archive = artefact.pack(folder / "model", folder / "model.tar.gz")
    world.aws.s3.upload_file(str(archive), BUCKET, "vision/model.tar.gz")
    world.aws.s3.create_bucket(Bucket=CLOSED)
    for bucket, key in ((BUCKET, "open/a.png"), (BUCKET, "private/a.png"), (CLOSED, "a.png")):
        world.aws.s3.put_object(Bucket=bucket, Key=key, Body=LIGHT)
    return {
        "Image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{REPOSITORY}:{TAG}",
        "ModelDataUrl": f"s3://{BUCKET}/vision/model.tar.gz",
        "Environment": {"SERVE_S3_BUCKETS": f"{BUCKET}/open/,{CLOSED}", "SERVE_WORKERS": "1"},
    }


def endpoint(world: World, model: Any) -> str:
    name = world.name("vision")
    world.aws.sagemaker.create_model(
        ModelName=name, ExecutionRoleArn=world.role, PrimaryContainer=model
    )
    return world.endpoint(world.config(name))


def named(*addresses: str) -> bytes:
    return json.dumps([{"s3": address} for address in addresses]).encode()


def test_it_reads_images_in_s3_under_its_role_and_nowhere_else(
    world: World, model: dict[str, Any]
) -> None:
    serving = endpoint(world, model)
    addresses = (
        f"s3://{BUCKET}/open/a.png",
        f"s3://{BUCKET}/open/none.png",
        f"s3://{BUCKET}/private/a.png",
        f"s3://{CLOSED}/a.png",
        "http://127.0.0.1/a.png",
    )
    batch = BatchPrediction.model_validate_json(
        world.ask(serving, named(*addresses), ContentType="application/json")
    )
    first, *others = batch.predictions
    assert isinstance(first, ContainerPrediction)
    assert first.label == "light"
    codes = [entry.error.code for entry in others if isinstance(entry, ErrorBody)]
    assert codes == ["s3_not_found", "s3_refused", "s3_denied", "s3_refused"]

    monitored = MonitoredPrediction.model_validate_json(
        world.ask(
            serving, LIGHT, ContentType="image/png", CustomAttributes="monitoring=true;top_k=1"
        )
    )
    assert monitored.statistics.brightness == pytest.approx(240, abs=0.1)
    assert monitored.embedding
    assert list(monitored.probabilities) == ["light"]

    with pytest.raises(ClientError) as refused:
        world.ask(serving, b'{"s3": "s3://elsewhere/a"}', ContentType="application/json")
    answer: dict[str, Any] = dict(refused.value.response)
    assert answer["OriginalStatusCode"] == 422
    body = ErrorBody.model_validate_json(answer["OriginalMessage"])
    assert body.error.code == "s3_refused"


def test_it_holds_several_versions_of_which_a_request_names_one(
    world: World, model: dict[str, Any], tmp_path: Path
) -> None:
    for version in ("v1", "v2"):
        folder = tmp_path / version
        models.write_brightness_model(folder / "model", version=version)
        archive = artefact.pack(folder / "model", folder / "model.tar.gz")
        world.aws.s3.upload_file(str(archive), BUCKET, f"several/{version}.tar.gz")
    several = {**model, "Mode": "MultiModel", "ModelDataUrl": f"s3://{BUCKET}/several/"}
    serving = endpoint(world, several)
    for version in ("v1", "v2", "v1"):
        answer = world.ask(serving, LIGHT, ContentType="image/png", TargetModel=f"{version}.tar.gz")
        prediction = ContainerPrediction.model_validate_json(answer)
        assert (prediction.label, prediction.model_version) == ("light", version)
