"""Who gives labels: prepared once, chosen on purpose, told; and what is made of one image."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.fakes.objects import MemoryObjects
from tests.fakes.table import MemoryTable
from visionml.contracts import settings
from visionml.contracts.images import ImageRecord
from visionml.contracts.lineage import Node, run_node
from visionml.dataset.drawn.collection import drawing
from visionml.desks.detector import RECIPE, Detector, Labeller, Rekognised
from visionml.desks.image_records import ImageRecords
from visionml.desks.platform import Platform
from visionml.errors import ImageRefused, InvalidInput, NotFound
from visionml.intake.pseudonyms import Pseudonyms
from visionml.intake.records import KEYS
from visionml.registry.lineage import Lineage

IMAGE = "a" * 32


class Source:
    """Takes models."""

    name = "a source of labels"
    takes_models = True

    def __init__(self, version: str = "", artefact: str = "") -> None:
        self.version, self.artefact = version, artefact

    def registered(self) -> Labeller | None:
        return Labeller(self.version, self.artefact) if self.version else None

    def register(self, *, artefact: str, version: str) -> None:
        self.version, self.artefact = version, artefact


class World:
    """A platform in which every training run is rejected by the gates."""

    def __init__(self, source: Any) -> None:
        self.started: list[dict[str, Any]] = []
        self.asked: list[dict[str, Any]] = []
        self.known: list[Any] = []
        self.source = source
        self.table, self.objects = MemoryTable(KEYS), MemoryObjects()
        self.lineage = Lineage(MemoryTable())
        aws: Any = SimpleNamespace(client=lambda _service: self)
        platform = Platform(
            settings=settings.load("local", {"account": "000000000000"}),
            aws=aws,
            say=lambda _line: None,
            api_address=lambda *_: "",
            ca_bundle=None,
        )
        vars(platform)["lineage"] = self.lineage
        vars(platform)["objects"] = self.objects
        vars(platform)["versions"] = SimpleNamespace(registered=lambda: iter(self.known))
        vars(platform)["images"] = ImageRecords(self.table, Pseudonyms(lambda: ""))
        desks: Any = SimpleNamespace(import_source=self._import, start=self._start)
        self.detector = Detector(platform, source, datasets=desks, runs=desks)

    def detect_labels(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        labels = [
            {"Name": "Cat", "Confidence": 71.5, "Parents": [{"Name": "Animal"}]},
            {"Name": "Tree", "Confidence": 12.0},
        ]
        return {"Labels": labels, "LabelModelVersion": "visionml-run-1"}

    def trained(self, run: str) -> None:
        artefact = f"s3://models/{run}.tar.gz"
        self.objects.write(artefact, b"")
        facts: Any = {
            "candidate": {"job": run, "artefact_s3_uri": artefact},
            "dataset": "animals",
            "dataset_version": "v1",
        }
        node = Node(id=run_node(run), status="rejected", timestamp=datetime.now(UTC), facts=facts)
        self.lineage.ensure(node)

    def _import(self, folder: Path, *, name: str) -> Any:
        self.started.append({"images": len(list(folder.rglob("*.jpg"))), "name": name})
        return SimpleNamespace(name=name, version="v1")

    def _start(self, name: str, version: str, **given: Any) -> Any:
        self.started.append({"dataset": f"{name}@{version}", **given})
        self.trained("run-1")
        outcome = SimpleNamespace(status="rejected", reason="not good enough")
        return SimpleNamespace(run_id="run-1", watch=lambda **_: outcome)


def test_an_account_has_nothing_to_prepare_and_takes_no_models() -> None:
    world = World(Rekognised())
    assert "Amazon Rekognition" in repr(world.detector.prepare())
    assert world.started == []
    world.trained("run-1")
    with pytest.raises(InvalidInput, match="none can be registered"):
        world.detector.use("run-1")


def test_a_model_is_trained_for_labels_once_even_if_the_gates_reject_it() -> None:
    world = World(Source())
    told = world.detector.prepare(images=20, epochs=1)
    assert world.started == [
        {"images": 20, "name": "animals"},
        {"dataset": "animals@v1", **RECIPE, "epochs": 1},
    ]
    assert world.source.artefact == "s3://models/run-1.tar.gz"
    assert told.rows["model"] == "run-1"
    assert told.rows["trained on"] == "animals@v1"
    world.detector.prepare()
    assert len(world.started) == 2


def test_a_registered_model_of_the_animals_is_not_trained_again() -> None:
    world = World(Source())
    world.trained("run-7")
    world.known = [
        SimpleNamespace(version="run-9", dataset="digits", expired=None),
        SimpleNamespace(version="run-8", dataset="animals", expired=datetime.now(UTC)),
        SimpleNamespace(version="run-7", dataset="animals", expired=None),
    ]
    world.detector.prepare()
    assert (world.source.version, world.started) == ("run-7", [])


def test_a_model_whose_artefact_is_gone_is_replaced_and_one_from_elsewhere_stays() -> None:
    world = World(Source("mine", "s3://elsewhere/model.tar.gz"))
    world.objects.write("s3://elsewhere/model.tar.gz", b"")
    assert world.detector.prepare().rows["model"] == "mine"
    assert world.started == []
    world.objects.objects.clear()
    assert world.detector.prepare(images=20).rows["model"] == "run-1"


def test_a_version_without_an_artefact_gives_no_labels() -> None:
    world = World(Source("run-1"))
    world.trained("run-2")
    world.objects.objects.clear()
    for version in ("run-2", "run-3"):
        with pytest.raises(NotFound):
            world.detector.use(version)
    assert world.source.version == "run-1"


def test_a_file_is_looked_at_as_intake_shows_it_and_the_decision_says_why(tmp_path: Path) -> None:
    world, file = World(Source("run-1")), tmp_path / "cat.jpg"
    file.write_bytes(drawing("cat", 1))
    looked = world.detector.detect(file)
    assert (looked.detection.animal, looked.detection.confidence) == ("cat", 71.5)
    assert "a confidence of 71.5 only" in looked.rows["uncertain"]
    assert looked.rows["by"] == "visionml-run-1"
    assert list(looked.labels()["label"]) == ["Cat", "Tree"]
    assert world.asked[0]["Image"]["Bytes"].startswith(b"\xff\xd8")


def test_an_image_of_intake_is_looked_at_by_its_largest_preview() -> None:
    world = World(Source("run-1"))
    record = ImageRecord(
        image_id=IMAGE,
        timestamp=datetime.now(UTC),
        processing_status="organised",  # type: ignore[arg-type]
        file_size=1,
        image_format="jpeg",
        previews={"150": "previews/150/a.jpg", "800": "previews/800/a.jpg"},
    )
    world.table.put(record.item())
    world.detector.detect(IMAGE)
    assert world.asked[0]["Image"]["S3Object"]["Name"] == "previews/800/a.jpg"
    with pytest.raises(NotFound):
        world.detector.detect("b" * 32)


def test_what_is_no_image_is_not_looked_at(tmp_path: Path) -> None:
    world, file = World(Source("run-1")), tmp_path / "page.jpg"
    file.write_bytes(b"<html>")
    with pytest.raises(ImageRefused):
        world.detector.detect(file)
    with pytest.raises(InvalidInput, match="No such file"):
        world.detector.detect(tmp_path / "gone.jpg")
    assert world.asked == []
