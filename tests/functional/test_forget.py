"""An image is forgotten wherever it went, and its dataset version still trains."""

import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from tests.fakes.colours import write_model
from tests.functional.platform import Deployed
from tests.functional.waiting import PATIENCE_SECONDS
from visionml.aws.object_versions import ObjectVersions
from visionml.aws.s3 import uri
from visionml.contracts import layout
from visionml.contracts.images import ProcessingStatus
from visionml.contracts.tables import PREDICTIONS, predictions_folder
from visionml.desks.datasets import Dataset
from visionml.desks.image_lineage import WITHOUT
from visionml.local.rekognition.registered import register
from visionml.local.state import Project
from visionml.model import artefact
from visionml.workbench import Session

SHADES = {"cat": (150, 110, 100), "dog": (110, 150, 100)}
OF_EACH = 5
USER = "anna@example.org"


@dataclass(frozen=True)
class World:
    """Cats and dogs that were sent, organised, and made a dataset of."""

    session: Session
    files: Path
    images: list[str]
    """Ids, in the order of the files' names."""
    dataset: Dataset

    def versions(self, bucket: str, text: str) -> list[str]:
        """Return the keys in a bucket that hold a text, of every version of every object."""
        name = self.session.names.bucket(bucket, self.session.aws.account)
        below = ObjectVersions(self.session.aws.s3).below(uri(name, ""))
        return [each.key for each in below if text in each.key]


@pytest.fixture(scope="module")
def world(
    platform: Deployed, local_project: Project, tmp_path_factory: pytest.TempPathFactory
) -> World:
    session = platform.session
    model = write_model(tmp_path_factory.mktemp("model"), size=32, classes=("cat", "dog", "tree"))
    archive = artefact.pack(model, model.parent / f"{uuid4().hex}.tar.gz")
    models = session.names.bucket("models", session.aws.account)
    session.aws.s3.upload_file(str(archive), models, "labels/forget.tar.gz")
    register(local_project, artefact=f"s3://{models}/labels/forget.tar.gz", version="colours")
    files = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(0)
    for animal, shade in SHADES.items():
        for number in range(OF_EACH):
            noise = random.integers(-6, 7, (96, 120, 3))
            pixels = np.clip(np.array(shade) + noise, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(files / f"{animal}-{number}.png")
    sent = session.images.upload(files, user=USER)
    assert set(sent["outcome"]) == {"sent"}
    session.images.wait(sent, patience_seconds=PATIENCE_SECONDS)
    images = uri(session.names.bucket("images", session.aws.account), "")
    dataset = session.datasets.import_source([f"{images}cats/", f"{images}dogs/"], name="pets")
    return World(session, files, list(sent["image"]), dataset)


def write_rows(session: Session, image: str) -> str:
    """Write a batch run's file with two rows of an image and one of another; return its address."""
    record = session.images.get(image)
    row: dict[str, Any] = dict.fromkeys((name for name, _, _ in PREDICTIONS.columns), None)
    row |= {"run_id": "forgetful", "input_key": "batch/some.png", "image_sha256": "other"}
    rows = [
        {**row, "prediction_id": "by-hash", "image_sha256": record.upload_hash},
        {**row, "prediction_id": "by-key", "input_key": f"cats/{image}.png"},
        {**row, "prediction_id": "of-another"},
    ]
    types = {"string": pa.string(), "double": pa.float64()}
    schema = pa.schema([(name, types[kind]) for name, kind, _ in PREDICTIONS.columns])
    target = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(rows, schema=schema), target)
    day = datetime.now(UTC).date().isoformat()
    bucket = session.names.bucket("results", session.aws.account)
    key = f"{predictions_folder(day, 'm')}forgetful-00000.parquet"
    session.aws.s3.put_object(Bucket=bucket, Key=key, Body=target.getvalue())
    return uri(bucket, key)


def ids_of_all_versions(session: Session, address: str) -> list[list[str]]:
    """Return the predictions' ids in every version of a file."""
    found = []
    for each in ObjectVersions(session.aws.s3).below(address):
        body = session.aws.s3.get_object(Bucket=each.bucket, Key=each.key, VersionId=each.version)[
            "Body"
        ].read()
        found.append(parquet.read_table(io.BytesIO(body))["prediction_id"].to_pylist())
    return found


def test_uploads_are_known_by_their_content_and_their_user(world: World) -> None:
    again = world.session.images.upload([world.files, world.files / "gone.png"])
    assert list(again["outcome"]) == ["known"] * 2 * OF_EACH + ["not sent"]
    assert list(again["image"])[:-1] == world.images
    found = world.session.images.table(user=USER, label="dog")
    assert set(found.index) == set(world.images[OF_EACH:])
    folders = world.session.images.folders()["images"]
    assert folders["cats/"] >= OF_EACH


def test_folders_of_animals_are_a_dataset_in_which_an_image_is_found_again(world: World) -> None:
    assert world.dataset.record.classes == ("cats", "dogs")
    held = world.session.lineage.image(world.images[0]).datasets()
    (row,) = held[held["version"] == world.dataset.version].to_dict("records")
    assert (row["dataset"], row["label"], row["forgotten"]) == ("pets", "cats", False)
    assert world.images[0] in row["key"]


def test_a_forgotten_image_is_nowhere_and_its_dataset_still_trains(world: World) -> None:
    session = world.session
    entries = session.datasets.open("pets", world.dataset.version).manifest()
    train = entries[entries["split"] == "train"]["key"]
    image = next(each for each in world.images if any(each in key for key in train))
    rows = write_rows(session, image)
    planned = session.images.forget(image, dry_run=True)
    assert not planned.done
    expected = {"image": 1, "previews": 3, "copies in datasets": 1, "rows of batch runs": 2}
    assert expected.items() <= planned.deleted.items()
    assert session.images.get(image).processing_status is not ProcessingStatus.FORGOTTEN

    done = session.images.forget(image)
    assert done.deleted == planned.deleted
    assert f"pets@{world.dataset.version}" in done.datasets
    for bucket in ("images", "originals", "raw"):
        assert world.versions(bucket, image) == []
    assert ids_of_all_versions(session, rows) == [["of-another"]]
    left = session.images.get(image)
    assert left.processing_status is ProcessingStatus.FORGOTTEN
    assert (left.user_id, left.content_hash, left.upload_hash, left.source) == (None,) * 3 + ("",)
    assert image not in session.images.table(user=USER).index
    assert session.images.forget(image).deleted == {}

    run = session.runs.start("pets", world.dataset.version, image_size=8, epochs=1, batch_size=4)
    run.watch(accept_rejection=True)
    (told,) = world.versions("datasets", f"{run.run_id}-prepare/train/part-00-00000.omitted")
    bucket = session.names.bucket("datasets", session.aws.account)
    lines = session.aws.s3.get_object(Bucket=bucket, Key=told)["Body"].read()
    assert image in json.loads(lines)["key"]
    assert told.startswith(layout.prepared_versions("pets", world.dataset.version))
    models = session.lineage.image(image).models()
    assert set(models[models["model"] == run.run_id]["the model"]) == {WITHOUT}
    assert len(world.dataset.forgotten()) == 1
    assert world.dataset.images([next(key for key in train if image in key)]) == []
