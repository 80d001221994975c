"""What an answer holds: one image or several, little or all that monitoring needs."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from urllib3.filepost import encode_multipart_formdata

from tests.fakes import models, pictures
from tests.fakes.container import post, refusal, warm
from tests.fakes.http import Scripted, serving
from tests.fakes.pictures import encoded
from visionml.contracts.inference import (
    BatchPrediction,
    ContainerPrediction,
    ErrorBody,
    MonitoredPrediction,
    unpacked,
)
from visionml.imaging import statistics
from visionml.imaging.header import Limits
from visionml.imaging.model_input import pixels
from visionml.serving import references
from visionml.serving.engine import Engine
from visionml.serving.limits import RequestLimits
from visionml.serving.options import Options
from visionml.serving.references import Sources

LIGHT = encoded(Image.new("RGB", (48, 48), (240, 240, 240)), "PNG")
DARK = encoded(Image.new("RGB", (48, 48), (10, 10, 10)), "JPEG")
ANY = {"Content-Type": "application/x-image"}
JSON = {"Content-Type": "application/json"}
ASK = "X-Amzn-SageMaker-Custom-Attributes"
MONITORED = {**ANY, ASK: "monitoring=true"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model")
    models.write_brightness_model(path, embedding=True)
    return path


@pytest.fixture
def engine(folder: Path) -> Engine:
    return warm(Engine.load(folder, RequestLimits(batch=4)))


def as_json(*images: bytes) -> bytes:
    return json.dumps([{"image": base64.b64encode(each).decode()} for each in images]).encode()


def labels(answer: bytes) -> list[str]:
    """Return the label or the error's code of each entry of a batch."""
    return [
        entry.error.code if isinstance(entry, ErrorBody) else entry.label
        for entry in BatchPrediction.model_validate_json(answer).predictions
    ]


def test_a_json_list_is_answered_in_its_order(engine: Engine) -> None:
    response = post(engine, as_json(LIGHT, DARK, LIGHT), JSON)
    assert response.status_code == 200
    assert labels(response.content) == ["light", "dark", "light"]


def test_a_form_is_answered_in_its_order(engine: Engine) -> None:
    fields = [("a", ("a.jpg", DARK, "image/jpeg")), ("b", ("b.png", LIGHT, "image/png"))]
    body, header = encode_multipart_formdata(fields)
    response = post(engine, body, {"Content-Type": header})
    assert response.status_code == 200
    assert labels(response.content) == ["dark", "light"]


def test_a_bad_image_is_an_entry_and_no_failed_batch(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    fields = [
        ("a", ("a", DARK, "image/jpeg")),
        ("b", ("b", DARK, "image/png")),
        ("c", ("c", b"", "image/png")),
        ("d", ("d", LIGHT, "text/html")),
    ]
    body, header = encode_multipart_formdata(fields)
    with caplog.at_level("INFO", logger="visionml.serving"):
        response = post(engine, body, {"Content-Type": header})
    wanted = ["dark", "type_mismatch", "empty", "unsupported_media_type"]
    assert (response.status_code, labels(response.content)) == (200, wanted)
    line = json.loads(caplog.records[-1].getMessage())
    assert (line["images"], line["images_refused"]) == (4, 3)


def test_too_many_images_are_refused_together(engine: Engine) -> None:
    response = post(engine, as_json(*[LIGHT] * 5), JSON)
    assert refusal(response) == (413, "too_many_images", 4)


def test_a_batch_is_bounded_in_bytes(folder: Path) -> None:
    limits = RequestLimits(image=Limits(bytes=100), batch_bytes=5000)
    engine = warm(Engine.load(folder, limits))
    response = post(engine, bytes(5001), {"Content-Type": "multipart/mixed; boundary=b"})
    assert refusal(response) == (413, "too_many_bytes", 5000)


class Broken:
    """A model that fails on dark images."""

    record = models.brightness_record(b"", 32)

    def __init__(self, folder: Path) -> None:
        from visionml.model.predict import Predictor  # noqa: PLC0415

        self._model = Predictor(folder)

    def infer(self, pixels: Any, /, *, embed: bool = False) -> Any:
        if pixels.mean() < 128:
            raise RuntimeError("secret")
        return self._model.infer(pixels, embed=embed)


def test_an_unforeseen_failure_is_an_entry_too(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine = Engine(Broken(folder), RequestLimits())
    response = post(engine, as_json(DARK, LIGHT), JSON)
    assert labels(response.content) == ["internal", "light"]
    assert "secret" not in response.text
    assert "secret" in caplog.text


class Undecided(Broken):
    """A model whose probabilities are no numbers."""

    def infer(self, pixels: Any, /, *, embed: bool = False) -> Any:
        output = self._model.infer(pixels, embed=embed)
        return output._replace(probabilities=output.probabilities * np.nan)


def test_probabilities_that_are_no_numbers_are_a_failure_and_no_broken_json(folder: Path) -> None:
    response = post(
        Engine(Undecided(folder), RequestLimits()), LIGHT, {"Content-Type": "image/png"}
    )
    assert refusal(response)[:2] == (500, "internal")


def test_monitoring_gets_statistics_and_embedding_of_what_the_model_saw(engine: Engine) -> None:
    photo = encoded(pictures.photo(), "JPEG")
    answer = MonitoredPrediction.model_validate_json(post(engine, photo, MONITORED).content)
    seen = pixels(photo, height=32, width=32)
    width, height = pictures.photo().size
    wanted = statistics.describe(seen, statistics.Source(width, height, len(photo)))
    assert list(answer.statistics.model_dump().values()) == pytest.approx(wanted, rel=1e-5)
    shares = np.array(list(answer.probabilities.values()))
    assert answer.entropy == pytest.approx(-(shares * np.log2(shares)).sum(), abs=1e-3)
    assert answer.embedding is not None
    colour = (seen.mean((0, 1)) / 255 - 0.5) / 0.25
    assert unpacked(answer.embedding) == pytest.approx(colour, rel=1e-3, abs=1e-3)


def test_the_answer_is_otherwise_the_same(engine: Engine) -> None:
    plain = json.loads(post(engine, LIGHT, ANY).content)
    assert set(plain) == {"label", "probability", "probabilities", "model_version"}
    monitored = json.loads(post(engine, LIGHT, MONITORED).content)
    assert monitored.items() >= plain.items()


def test_monitoring_can_be_what_every_answer_holds(folder: Path) -> None:
    engine = warm(Engine.load(folder, RequestLimits(), options=Options(monitoring=True)))
    assert "statistics" in post(engine, LIGHT, ANY).json()
    declined = post(engine, LIGHT, {**ANY, ASK: "monitoring=false"}).json()
    assert "statistics" not in declined


def test_a_model_without_an_embedding_still_serves(tmp_path: Path) -> None:
    models.write_brightness_model(tmp_path)
    engine = warm(Engine.load(tmp_path, RequestLimits()))
    answer = MonitoredPrediction.model_validate_json(post(engine, LIGHT, MONITORED).content)
    assert (answer.label, answer.embedding) == ("light", None)


def test_who_wants_the_label_alone_gets_a_small_body(engine: Engine) -> None:
    response = post(engine, DARK, {**ANY, ASK: "top_k=1"})
    answer = ContainerPrediction.model_validate_json(response.content)
    assert answer.probabilities == {"dark": answer.probability}
    assert len(response.content) < 150


def test_probabilities_come_with_the_greatest_first(engine: Engine) -> None:
    for image, wanted in ((DARK, ["dark", "light"]), (LIGHT, ["light", "dark"])):
        assert list(post(engine, image, ANY).json()["probabilities"]) == wanted


def test_an_option_that_makes_no_sense_is_refused(engine: Engine) -> None:
    response = post(engine, LIGHT, {**ANY, ASK: "top_k=none"})
    assert refusal(response) == (400, "invalid_option", None)


def with_bucket(folder: Path, script: Scripted, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Return an engine whose S3 is the script; its own client, found by the environment."""
    for name, value in {
        "AWS_ENDPOINT_URL": script.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(references, "_ATTEMPTS", 1)
    limits = RequestLimits(image=Limits(bytes=10_000), queue_bytes=25_000)
    sources = Sources(("photos-1",), limits.image)
    return warm(Engine.load(folder, limits, sources=sources))


def test_an_image_in_s3_is_answered_like_one_that_was_sent(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving((200, {}, DARK)) as script:
        engine = with_bucket(folder, script, monkeypatch)
        response = post(engine, b'{"s3": "s3://photos-1/cat.jpg"}', JSON)
    assert response.content == post(engine, DARK, ANY).content
    assert len(script.requests) == 1


def test_an_object_outside_of_the_allowed_buckets_is_never_asked_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [{"s3": "s3://photos-1/a"}, {"s3": "s3://secrets/a"}, {"s3": "http://10.0.0.1/a"}]
    with serving((200, {}, LIGHT)) as script:
        engine = with_bucket(folder, script, monkeypatch)
        response = post(engine, json.dumps(entries).encode(), JSON)
        alone = post(engine, json.dumps(entries[1]).encode(), JSON)
    assert labels(response.content) == ["light", "s3_refused", "s3_refused"]
    assert refusal(alone) == (422, "s3_refused", None)
    assert len(script.requests) == 1


def test_images_in_s3_count_among_the_bytes_that_wait(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(references, "_THREADS", 1)
    with serving((200, {}, DARK)) as script:
        engine = with_bucket(folder, script, monkeypatch)
        body = b'{"s3": "s3://photos-1/cat.jpg"}' + b" " * 16_000
        assert refusal(post(engine, body, JSON)) == (429, "busy", 25_000)
        assert script.requests == []
        small = post(engine, b'{"s3": "s3://photos-1/cat.jpg"}', JSON)
        assert small.status_code == 200
