"""Every kind of odd or hostile image: the documented code, and an engine that goes on."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from tests.fakes import models, pictures
from tests.fakes.container import post, refusal, warm
from tests.fakes.pictures import encoded
from visionml.serving.engine import Engine
from visionml.serving.limits import RequestLimits

LIGHT = Image.new("RGB", (48, 40), (240, 240, 240))
DARK = Image.new("RGB", (48, 40), (10, 10, 10))
PHOTO = encoded(pictures.photo(), "JPEG", quality=90)
ANY = {"Content-Type": "application/x-image"}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder = tmp_path_factory.mktemp("model")
    models.write_brightness_model(folder)
    return warm(Engine.load(folder, RequestLimits()))


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr("run.sh", "echo hello")
    return buffer.getvalue()


def sixteen_bits(value: int) -> bytes:
    return pictures.sixteen_bit_png(np.full((40, 48, 3), value, np.uint16))


def corrupt(data: bytes) -> bytes:
    """Return a file whose picture is overwritten in the middle."""
    middle = len(data) // 2
    return data[:middle] + b"\xff\xc4\x00\x05" * 100 + data[middle + 400 :]


@pytest.mark.parametrize(
    ("image", "label"),
    [
        pytest.param(encoded(LIGHT.convert("CMYK"), "JPEG"), "light", id="cmyk"),
        pytest.param(sixteen_bits(60_000), "light", id="16 bits, light"),
        pytest.param(sixteen_bits(2_000), "dark", id="16 bits, dark"),
        pytest.param(encoded(LIGHT.convert("L"), "JPEG"), "light", id="grey"),
        pytest.param(encoded(LIGHT.convert("1"), "PNG"), "light", id="1 bit"),
        pytest.param(encoded(DARK.convert("P"), "PNG"), "dark", id="palette"),
        pytest.param(encoded(Image.new("RGBA", (40, 40)), "PNG"), "light", id="transparent"),
        pytest.param(encoded(DARK, "JPEG", progressive=True), "dark", id="progressive"),
        pytest.param(encoded(DARK.resize((1, 1)), "PNG"), "dark", id="one pixel"),
        pytest.param(encoded(DARK.resize((1, 60_000)), "PNG"), "dark", id="one column"),
        pytest.param(encoded(LIGHT, "JPEG") + archive(), "light", id="jpeg and zip"),
        pytest.param(encoded(DARK, "PNG") + b"<script>x</script>", "dark", id="png and html"),
    ],
)
def test_an_odd_picture_is_read_as_a_viewer_shows_it(
    engine: Engine, image: bytes, label: str
) -> None:
    response = post(engine, image, ANY)
    assert response.status_code == 200, response.text
    assert response.json()["label"] == label


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_rotated_photograph_is_answered_as_an_upright_one(
    engine: Engine, orientation: int
) -> None:
    upright = np.zeros((96, 32, 3), np.uint8)
    upright[32:64] = 200  # the centre, which alone is looked at: its sides are dark
    turned = np.asarray(upright if orientation < 5 else upright.transpose(1, 0, 2))
    found = post(engine, pictures.with_orientation(Image.fromarray(turned), orientation), ANY)
    assert found.json()["label"] == "light"
    assert found.json()["probability"] > 0.9


@pytest.mark.parametrize(
    ("image", "status", "code"),
    [
        pytest.param(b"", 400, "empty", id="zero bytes"),
        pytest.param(PHOTO[: len(PHOTO) // 2], 400, "truncated", id="half a jpeg"),
        pytest.param(PHOTO[:20], 400, "truncated", id="half a header"),
        pytest.param(encoded(pictures.photo(), "WEBP")[:5000], 400, "truncated", id="half a webp"),
        pytest.param(corrupt(PHOTO), 400, "unreadable", id="corrupt jpeg"),
        pytest.param(corrupt(encoded(pictures.photo(), "PNG")), 400, "unreadable", id="png"),
        pytest.param(b"\xff\xd8\xff" + bytes(500), 400, "unreadable", id="zeros"),
        pytest.param(archive() + PHOTO, 422, "unsupported", id="zip and jpeg"),
        pytest.param(b"GIF89a/*" + PHOTO, 422, "unsupported", id="gif and script"),
        pytest.param(b"%PDF-1.7\n" + PHOTO, 422, "unsupported", id="pdf and jpeg"),
        pytest.param(b"<svg/>", 422, "unsupported", id="svg"),
        pytest.param(
            encoded(LIGHT, "PNG", save_all=True, append_images=[DARK]),
            422,
            "animated",
            id="animated png",
        ),
        pytest.param(pictures.png_bomb(10_000, 10_000), 413, "too_many_pixels", id="100 MP png"),
        pytest.param(pictures.jpeg_bomb(10_000, 10_000), 413, "too_many_pixels", id="100 MP jpeg"),
        pytest.param(pictures.webp_bomb(), 413, "too_many_pixels", id="268 MP webp"),
        pytest.param(bytes(10 * 1024 * 1024 + 1), 413, "too_many_bytes", id="too many bytes"),
    ],
)
def test_a_bad_picture_is_refused_with_its_code(
    engine: Engine, image: bytes, status: int, code: str
) -> None:
    response = post(engine, image, ANY)
    assert refusal(response)[:2] == (status, code)
    if status == 413:
        assert refusal(response)[2] is not None
    assert post(engine, encoded(LIGHT, "JPEG"), ANY).status_code == 200
