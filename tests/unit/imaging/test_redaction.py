import io
import subprocess
import sys
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from tests.fakes import photographs, pictures, sights
from tests.fakes.pictures import Pixels, encoded
from visionml.contracts.intake import RedactionMethod, Region, RegionKind
from visionml.imaging.inspect import inspect
from visionml.imaging.offline_redactor import OfflineRedactor
from visionml.imaging.redaction import FIND_SIDE, hidden, redacted, widened

FACES, TEXT = frozenset({RegionKind.FACE}), frozenset({RegionKind.TEXT})
FACE = (70, 250, 165, 175)  # of the astronaut: top, right, bottom, left
ENGINE = OfflineRedactor()


class Known:
    """An engine that finds one known region, a share of what it sees."""

    name = "known/1"

    def __init__(self, *share: float) -> None:
        self.share = share
        self.seen: list[tuple[int, ...]] = []

    def find(self, pixels: Pixels, kinds: frozenset[RegionKind]) -> tuple[Region, ...]:
        self.seen.append(pixels.shape)
        rows, columns = pixels.shape[:2]
        top, left, height, width = self.share
        return (
            Region(
                kind=RegionKind.FACE,
                top=int(top * rows),
                left=int(left * columns),
                height=int(height * rows),
                width=int(width * columns),
            ),
        )


def covered(regions: tuple[Region, ...], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    mask = np.zeros(shape[:2], bool)
    for found in regions:
        region = widened(found, *mask.shape)
        mask[region.top :, region.left :][: region.height, : region.width] = True
    return mask


def opened(content: bytes) -> Pixels:
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB"))


def test_the_astronauts_face_is_found_and_gone_afterwards() -> None:
    image = photographs.scene("astronaut")
    result = redacted(encoded(image, "PNG"), ENGINE, kinds=FACES)
    top, right, bottom, left = FACE
    mask = covered(ENGINE.find(np.asarray(image), FACES), (512, 512))
    assert mask[top:bottom, left:right].mean() > 0.95
    assert not ENGINE.find(opened(result.content)[:256, 100:330], FACES)
    assert result.record.engine.startswith("offline/scikit-image-")


def test_faces_of_many_people_are_found_and_few_other_things() -> None:
    found = [bool(ENGINE.find(face, FACES)) for face in sights.faces()[::6]]
    wrong = [bool(ENGINE.find(other, FACES)) for other in sights.faces(shown=False)[::10]]
    assert np.mean(found) >= 0.9
    assert np.mean(wrong) <= 0.1


def test_most_text_is_covered() -> None:
    shares = []
    cases = product(sights.BACKGROUNDS, (16, 24, 48), (0, 8))
    for seed, (background, height, degrees) in enumerate(cases):
        pixels, letters = sights.text(background, height=height, degrees=degrees, seed=seed)
        shares.append(covered(ENGINE.find(pixels, TEXT), letters.shape)[letters].mean())
    assert np.mean(shares) >= 0.9


def test_a_plain_picture_shows_nothing_to_hide() -> None:
    plain = np.full((200, 300, 3), 120, np.uint8)
    assert not ENGINE.find(plain, frozenset(RegionKind))
    assert not ENGINE.find(plain[:5, :5], frozenset(RegionKind))


@pytest.mark.parametrize("method", list(RedactionMethod))
def test_what_is_hidden_is_gone_and_the_rest_stays(method: RedactionMethod) -> None:
    pixels = np.asarray(pictures.photo())
    region = Region(kind=RegionKind.FACE, top=100, left=200, height=80, width=60)
    result = hidden(pixels, (region,), method)
    inside = np.zeros(pixels.shape[:2], bool)
    inside[100:180, 200:260] = True
    assert np.array_equal(result[~inside], pixels[~inside])
    part = result[100:180, 200:260].astype(float)
    if method is RedactionMethod.BOX:
        assert not part.any()
    detail = part - ndimage.gaussian_filter(part, (5, 5, 0))
    before = pixels[100:180, 200:260].astype(float)
    assert detail.std() < 0.12 * (before - ndimage.gaussian_filter(before, (5, 5, 0))).std()


@pytest.mark.parametrize("size", [(1, 1), (3, 400), (500, 2)])
def test_regions_of_any_shape_can_be_blurred(size: tuple[int, int]) -> None:
    pixels = np.asarray(pictures.noise(600, 600))
    region = Region(kind=RegionKind.TEXT, top=10, left=10, height=size[0], width=size[1])
    assert hidden(pixels, (region,), RedactionMethod.BLUR).shape == pixels.shape


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_redacted_file_is_upright_and_its_record_says_what_it_hides(kind: str) -> None:
    image = pictures.photo().resize((2560, 1708))
    data = pictures.with_orientation(image, 6, kind)
    engine = Known(0.25, 0.25, 0.5, 0.5)
    result = redacted(data, engine, method=RedactionMethod.BOX)
    assert max(engine.seen[0]) == FIND_SIDE
    facts = inspect(result.content)
    assert (facts.format, facts.width, facts.height) == (kind.lower(), 1708, 2560)
    assert facts.orientation == 1
    (region,) = result.record.regions
    assert region.top < 640
    assert region.top + region.height > 1920
    assert (region.left < 427, region.left + region.width > 1281) == (True, True)
    assert opened(result.content)[640:1920, 427:1281].max() < 12
    assert opened(result.content)[:300].mean() > 50
    assert result.record.looked_for == (RegionKind.FACE, RegionKind.TEXT)
    assert result.record.original_sha256 != result.record.redacted_sha256


def test_transparency_hides_nothing() -> None:
    half = pictures.photo().convert("RGBA")
    half.putalpha(0)
    result = redacted(encoded(half, "PNG"), Known(0, 0, 0.5, 0.5), method=RedactionMethod.BOX)
    assert opened(result.content)[-10:].min() == 255
    with Image.open(io.BytesIO(result.content)) as image:
        assert image.mode == "RGB"


def test_an_image_that_shows_nothing_is_cleaned_only() -> None:
    data = encoded(Image.new("RGB", (90, 60), "teal"), "JPEG", comment=b"secret")
    result = redacted(data, ENGINE)
    assert result.record.regions == ()
    assert b"secret" not in result.content
    assert np.array_equal(opened(result.content), opened(data))


def test_without_the_offline_engine_no_library_is_needed_that_the_jobs_image_lacks() -> None:
    program = (
        "import sys\n"
        "from visionml.imaging import clean, inspect, previews, redaction\n"
        "print(sorted({'scipy', 'skimage', 'PIL', 'pandas'} & set(sys.modules)))\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert finished.stdout == "[]\n"
