"""Several models in one container, as SageMaker's multi-model contract says."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.fakes import models
from tests.fakes.container import post, refusal, talk, warm
from tests.fakes.pictures import encoded
from visionml.errors import NotServing, RequestRefused
from visionml.serving.engine import Engine
from visionml.serving.limits import RequestLimits, ShelfLimits
from visionml.serving.models import Shelf

LIGHT = encoded(Image.new("RGB", (48, 48), (240, 240, 240)), "JPEG")
JPEG = {"Content-Type": "image/jpeg"}


class Box:
    """Folders of one container: models, and what its worker processes share."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.state = base / "state"
        self.state.mkdir()

    def folder(self, name: str) -> str:
        """Return a model's folder, written if it is not there."""
        path = self.base / "models" / name / "model"
        if not path.exists():
            models.write_brightness_model(path, version=f"run-{name}")
        return str(path)

    def worker(self, **limits: int) -> Shelf:
        return Shelf(self.state, root=self.base, limits=ShelfLimits(**limits))


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def refused(status: int, code: str, work: Any, *arguments: str) -> None:
    with pytest.raises((RequestRefused, NotServing)) as caught:
        work(*arguments)
    error = caught.value
    assert isinstance(error, RequestRefused | NotServing)
    assert (error.status, error.code) == (status, code)


def test_a_loaded_model_answers_in_every_worker(box: Box) -> None:
    first, second = box.worker(), box.worker()
    first.load("a", box.folder("a"))
    for shelf in (first, second):
        assert shelf.get("a").record.version == "run-a"
        assert shelf.get("a") is shelf.get("a")
        assert shelf.url("a") == box.folder("a")


def test_what_one_worker_unloads_the_others_forget(box: Box) -> None:
    first, second = box.worker(), box.worker()
    first.load("a", box.folder("a"))
    second.get("a")
    first.unload("a")
    assert first.in_memory == []
    for work in (first.get, second.get, second.url, second.unload):
        refused(404, "no_such_model", work, "a")
    assert second.in_memory == []


def test_a_name_may_be_given_to_another_model(box: Box) -> None:
    first, second = box.worker(), box.worker()
    first.load("a", box.folder("a"))
    second.get("a")
    first.unload("a")
    first.load("a", box.folder("b"))
    assert {shelf.get("a").record.version for shelf in (first, second)} == {"run-b"}


def test_a_name_that_is_taken_is_refused_with_409(box: Box) -> None:
    first, second = box.worker(), box.worker()
    first.load("a", box.folder("a"))
    for shelf in (first, second):
        refused(409, "model_loaded", shelf.load, "a", box.folder("b"))
    assert first.get("a").record.version == "run-a"


def test_the_least_recently_used_model_makes_room_and_comes_back(box: Box) -> None:
    shelf = box.worker(models=2)
    for name in "ab":
        shelf.load(name, box.folder(name))
    shelf.get("a")
    shelf.load("c", box.folder("c"))
    assert shelf.in_memory == ["a", "c"]
    assert shelf.get("b").record.version == "run-b"
    assert shelf.in_memory == ["c", "b"]
    assert [each["modelName"] for each in shelf.loaded()] == ["a", "b", "c"]


def test_memory_is_bounded_in_bytes_too(box: Box) -> None:
    size = (Path(box.folder("a")) / "model.onnx").stat().st_size
    shelf = box.worker(bytes=2 * size)
    for name in "abc":
        shelf.load(name, box.folder(name))
    assert shelf.in_memory == ["b", "c"]
    small = box.worker(bytes=size - 1)
    refused(507, "insufficient_memory", small.load, "d", box.folder("d"))
    refused(507, "insufficient_memory", small.get, "a")


@pytest.mark.parametrize("url", ["/etc", "", "models/../../../elsewhere", "models/none"])
def test_models_come_from_the_containers_folder_only(
    box: Box, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(box.base)
    shelf = box.worker()
    refused(400, "invalid_model", shelf.load, "a", url)
    assert shelf.loaded() == []


def test_a_link_out_of_that_folder_is_refused(
    box: Box, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    models.write_brightness_model(outside)
    (box.base / "link").symlink_to(outside)
    refused(400, "invalid_model", box.worker().load, "a", str(box.base / "link"))


def test_a_broken_model_is_refused_and_not_remembered(box: Box) -> None:
    folder = Path(box.folder("a"))
    (folder / "model.json").write_text("{}")
    shelf = box.worker()
    refused(400, "invalid_model", shelf.load, "a", str(folder))
    assert (shelf.loaded(), shelf.in_memory) == ([], [])


def engine(box: Box) -> Engine:
    return warm(Engine.load(None, RequestLimits(), shelf=box.worker()))


def loading(name: str, url: str) -> bytes:
    return json.dumps({"model_name": name, "url": url}).encode()


def test_the_contract_over_http(box: Box) -> None:
    async def work(client: httpx.AsyncClient) -> None:
        load = await client.post("/models", content=loading("a", box.folder("a")))
        assert load.status_code == 200
        again = await client.post("/models", content=loading("a", box.folder("a")))
        assert refusal(again) == (409, "model_loaded", None)
        one = {"modelName": "a", "modelUrl": box.folder("a")}
        assert (await client.get("/models")).json() == {"models": [one]}
        assert (await client.get("/models/a")).json() == one
        answer = await client.post("/models/a/invoke", content=LIGHT, headers=JPEG)
        assert answer.json()["model_version"] == "run-a"
        assert (await client.delete("/models/a")).status_code == 200
        for gone in (
            await client.get("/models/a"),
            await client.delete("/models/a"),
            await client.post("/models/a/invoke", content=LIGHT, headers=JPEG),
        ):
            assert refusal(gone) == (404, "no_such_model", None)
        assert (await client.get("/models")).json() == {"models": []}

    talk(engine(box), work)


def test_models_are_listed_a_page_at_a_time(box: Box) -> None:
    async def work(client: httpx.AsyncClient) -> list[str]:
        for name in "abc":
            await client.post("/models", content=loading(name, box.folder(name)))
        names, token = list[str](), "0"
        while token:
            page = await client.get("/models", params={"limit": 2, "next_page_token": token})
            names += [each["modelName"] for each in page.json()["models"]]
            token = page.json().get("nextPageToken", "")
        assert refusal(await client.get("/models", params={"limit": "x"}))[0] == 400
        return names

    assert talk(engine(box), work) == ["a", "b", "c"]


def test_a_request_may_name_its_model_in_a_header(
    box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    both = engine(box)
    for name in "ab":
        assert post(both, loading(name, box.folder(name)), {}, "/models").status_code == 200
    with caplog.at_level("INFO", logger="visionml.serving"):
        found = post(both, LIGHT, {**JPEG, "X-Amzn-SageMaker-Target-Model": "b"})
    assert found.json()["model_version"] == "run-b"
    line = json.loads(caplog.records[-1].getMessage())
    assert (line["target_model"], line["model_version"]) == ("b", "run-b")
    # the path is SageMaker's own name for what the caller calls by the header
    path = post(both, LIGHT, {**JPEG, "X-Amzn-SageMaker-Target-Model": "x"}, "/models/a/invoke")
    assert path.json()["model_version"] == "run-a"


def test_a_request_that_names_none_is_told_to(box: Box) -> None:
    assert refusal(post(engine(box), LIGHT, JPEG)) == (400, "no_target_model", None)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b'{"model_name": "a"}', b'{"model_name": 1, "url": "x"}', b"[" * 20_000],
)
def test_a_broken_load_request_is_refused_with_400(box: Box, body: bytes) -> None:
    assert refusal(post(engine(box), body, {}, "/models")) == (400, "invalid_request", None)


def test_a_container_with_one_model_has_no_such_paths(box: Box) -> None:
    alone = warm(Engine.load(Path(box.folder("a")), RequestLimits()))
    response = post(alone, loading("b", box.folder("b")), {}, "/models")
    assert refusal(response) == (404, "no_such_path", None)
    named = post(alone, LIGHT, {**JPEG, "X-Amzn-SageMaker-Target-Model": "b"})
    assert refusal(named) == (404, "no_such_model", None)
