import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.fakes import models, pictures
from tests.fakes.container import HeldModel, post, refusal, talk, warm
from tests.fakes.pictures import encoded
from visionml.contracts.inference import ContainerPrediction
from visionml.errors import InvalidInput, NotFound
from visionml.imaging.header import Limits
from visionml.serving.engine import Engine
from visionml.serving.limits import RequestLimits

LIGHT = Image.new("RGB", (48, 48), (240, 240, 240))
DARK = Image.new("RGB", (48, 48), (10, 10, 10))
JPEG = {"Content-Type": "image/jpeg"}
ANY = {"Content-Type": "application/x-image"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model")
    models.write_brightness_model(path)
    return path


@pytest.fixture
def engine(folder: Path) -> Engine:
    return warm(Engine.load(folder, RequestLimits()))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(("picture", "label"), [(LIGHT, "light"), (DARK, "dark")])
def test_an_image_is_answered_with_a_prediction(
    engine: Engine, kind: str, picture: Image.Image, label: str
) -> None:
    data = encoded(picture, kind)
    for headers in ({"Content-Type": f"image/{kind.lower()}"}, ANY):
        response = post(engine, data, headers)
        assert response.status_code == 200
        assert response.headers["content-type"] == "application/json"
        answer = ContainerPrediction.model_validate_json(response.content)
        assert answer.label == label
        assert answer.model_version == models.VERSION
        assert answer.probability == max(answer.probabilities.values()) > 0.9
        assert sum(answer.probabilities.values()) == pytest.approx(1)


def test_base64_in_json_is_answered_alike(engine: Engine) -> None:
    data = encoded(LIGHT, "PNG")
    body = json.dumps({"image": base64.b64encode(data).decode()}).encode()
    bare = post(engine, data, ANY)
    assert post(engine, body, {"Content-Type": "application/json"}).content == bare.content


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"", JPEG, 400, "empty"),
        (encoded(LIGHT, "JPEG")[:300], JPEG, 400, "truncated"),
        (encoded(pictures.photo(), "PNG")[:5000], ANY, 400, "truncated"),
        (b"\xff\xd8\xff\xe0" + bytes(50), JPEG, 400, "unreadable"),
        (b"{", {"Content-Type": "application/json"}, 400, "invalid_json"),
        (b"x", {"Content-Type": "text/html"}, 415, "unsupported_media_type"),
        (b"x", {}, 415, "unsupported_media_type"),
        (b"<html>a page</html>", JPEG, 422, "unsupported"),
        (encoded(LIGHT, "GIF"), ANY, 422, "unsupported"),
        (encoded(LIGHT, "PNG"), JPEG, 422, "type_mismatch"),
        (
            encoded(LIGHT, "WEBP", save_all=True, append_images=[DARK]),
            {"Content-Type": "image/webp"},
            422,
            "animated",
        ),
    ],
)
def test_what_cannot_be_answered_is_refused_with_its_code(
    engine: Engine, content: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    assert refusal(post(engine, content, headers)) == (status, code, None)


def test_bombs_are_refused_naming_the_limit(engine: Engine) -> None:
    limit = engine.limits.image.pixels
    assert refusal(post(engine, pictures.png_bomb(), ANY)) == (413, "too_many_pixels", limit)
    assert refusal(post(engine, pictures.jpeg_bomb(), ANY)) == (413, "too_many_pixels", limit)


def test_bodies_over_the_limit_are_refused_announced_or_not(folder: Path) -> None:
    limits = RequestLimits(image=Limits(bytes=1000), batch_bytes=5000)
    engine = warm(Engine.load(folder, limits))
    wanted = (413, "too_many_bytes", 1000)
    assert refusal(post(engine, bytes(1001), JPEG)) == wanted
    announced = post(engine, bytes(6000), {"Content-Type": "application/json"})
    assert refusal(announced) == (413, "too_many_bytes", 5429)

    async def unannounced(client: httpx.AsyncClient) -> httpx.Response:
        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(100):
                yield bytes(100)

        return await client.post("/invocations", content=chunks(), headers=JPEG)

    assert refusal(talk(engine, unannounced)) == wanted


def test_the_wrong_path_and_method_are_refused_in_json(engine: Engine) -> None:
    async def work(client: httpx.AsyncClient) -> list[httpx.Response]:
        return [await client.get("/elsewhere"), await client.get("/invocations")]

    elsewhere, wrong_method = talk(engine, work)
    assert refusal(elsewhere) == (404, "no_such_path", None)
    assert refusal(wrong_method) == (405, "method_not_allowed", None)


def ping(engine: Engine) -> int:
    async def work(client: httpx.AsyncClient) -> int:
        return (await client.get("/ping")).status_code

    status = talk(engine, work)
    assert isinstance(status, int)
    return status


def test_ping_is_healthy_only_once_warm(folder: Path) -> None:
    engine = Engine.load(folder, RequestLimits())
    assert ping(engine) == 503
    engine.warm_up()
    assert ping(engine) == 200


def test_without_a_model_ping_is_healthy_and_invocations_say_so() -> None:
    engine = warm(Engine.load(None, RequestLimits()))
    assert ping(engine) == 200
    response = post(engine, encoded(LIGHT, "JPEG"), JPEG)
    assert refusal(response) == (503, "no_model", None)
    assert response.headers["retry-after"] == "1"


def test_a_broken_model_cannot_be_loaded(tmp_path: Path) -> None:
    models.write_brightness_model(tmp_path)
    graph = tmp_path / "model.onnx"
    graph.write_bytes(graph.read_bytes() + b"\0")
    with pytest.raises(InvalidInput, match="SHA-256 differ"):
        Engine.load(tmp_path, RequestLimits())
    (tmp_path / "model.json").unlink()
    with pytest.raises(NotFound, match=r"no model\.json"):
        Engine.load(tmp_path, RequestLimits())


def test_a_full_queue_answers_429_and_recovers() -> None:
    model = HeldModel()
    engine = Engine(model, RequestLimits(queue=2))
    data = encoded(LIGHT, "PNG")

    async def work(client: httpx.AsyncClient) -> None:
        def send() -> Awaitable[httpx.Response]:
            return client.post("/invocations", content=data, headers=ANY)

        first = [asyncio.ensure_future(send()) for _ in range(2)]
        await asyncio.to_thread(model.begun.wait, 10)
        assert (await client.get("/ping")).status_code == 503  # alive; not warmed up here
        assert refusal(await send()) == (429, "busy", 2)
        model.go.set()
        assert [response.status_code for response in await asyncio.gather(*first)] == [200, 200]
        assert (await send()).status_code == 200

    talk(engine, work)


def test_bodies_that_wait_are_bounded_in_bytes() -> None:
    model = HeldModel()
    data = encoded(LIGHT, "PNG")
    engine = Engine(model, RequestLimits(queue_bytes=len(data) * 2 - 1))

    async def work(client: httpx.AsyncClient) -> None:
        def send() -> Awaitable[httpx.Response]:
            return client.post("/invocations", content=data, headers=ANY)

        first = asyncio.ensure_future(send())
        await asyncio.to_thread(model.begun.wait, 10)
        assert refusal(await send()) == (429, "busy", engine.limits.queue_bytes)
        model.go.set()
        assert (await first).status_code == 200
        assert (await send()).status_code == 200

    talk(engine, work)


def test_a_request_that_takes_too_long_is_given_up_with_503() -> None:
    model = HeldModel()
    engine = warm_without_predicting(Engine(model, RequestLimits(seconds=0.05)))
    data = encoded(LIGHT, "PNG")

    async def work(client: httpx.AsyncClient) -> None:
        response = await client.post("/invocations", content=data, headers=ANY)
        assert refusal(response) == (503, "timeout", 50)
        assert (await client.get("/ping")).status_code == 200
        await asyncio.sleep(0.2)  # longer than three times the limit: it is stuck
        assert (await client.get("/ping")).status_code == 503
        model.go.set()

    talk(engine, work)


def warm_without_predicting(engine: Engine) -> Engine:
    engine.warm = True
    return engine


def test_a_failing_model_answers_500_without_details_and_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = HeldModel()
    model.go.set()
    model.failure = RuntimeError("secret path /opt/ml")
    engine = Engine(model, RequestLimits())
    response = post(engine, encoded(LIGHT, "PNG"), ANY)
    assert refusal(response) == (500, "internal", None)
    assert "secret" not in response.text
    assert "secret" in caplog.text
    model.failure = None
    assert post(engine, encoded(LIGHT, "PNG"), ANY).status_code == 200


def test_each_request_leaves_a_json_line_without_payload(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    data = encoded(LIGHT, "JPEG")
    with caplog.at_level(logging.INFO, logger="visionml.serving"):
        post(engine, data, {**JPEG, "X-Amzn-SageMaker-Inference-Id": "abc"})
        post(engine, b"<html>", JPEG)
    answered, refused = (json.loads(record.getMessage()) for record in caplog.records)
    assert answered["status"] == 200
    assert answered["bytes"] == len(data)
    assert answered["inference_id"] == "abc"
    assert answered["model_version"] == models.VERSION
    assert 0 < answered["decode_ms"] <= answered["milliseconds"]
    assert 0 < answered["model_ms"] <= answered["milliseconds"]
    assert (refused["status"], refused["code"]) == (422, "unsupported")
    assert not {"image", "label", "probabilities"} & {*answered, *refused}
