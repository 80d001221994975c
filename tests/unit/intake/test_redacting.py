"""Which engine hides, and how Rekognition's answers become regions of a picture."""

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from visionml.aws.rekognition import Box, Rekognition, Texts
from visionml.contracts.intake import Region, RegionKind
from visionml.contracts.settings import RedactionSettings
from visionml.errors import Unavailable
from visionml.imaging.redaction import Pixels
from visionml.intake.redacting import MOST_REGIONS, Bounded, RekognitionRedactor, redactor_of

BOTH = frozenset(RegionKind)


class Eyes:
    """Stands for ``visionml.aws.rekognition.Rekognition``; sees what it is told."""

    def __init__(
        self, faces: tuple[Box, ...] = (), lines: tuple[Box, ...] = (), words: int = 1
    ) -> None:
        self.found_faces, self.found_lines, self.words = faces, lines, words
        self.pictures: list[tuple[int, int]] = []

    def faces(self, picture: bytes) -> tuple[Box, ...]:
        self._see(picture)
        return self.found_faces

    def texts(self, picture: bytes) -> Texts:
        self._see(picture)
        return Texts(self.found_lines, self.words, "3.1")

    def _see(self, picture: bytes) -> None:
        with Image.open(io.BytesIO(picture)) as image:
            assert image.format == "JPEG"
            self.pictures.append(image.size)


def engine(eyes: Eyes) -> RekognitionRedactor:
    return RekognitionRedactor(eyes)  # type: ignore[arg-type]


def blank(height: int, width: int) -> Pixels:
    return np.zeros((height, width, 3), np.uint8)


def test_boxes_become_regions_cut_at_the_edges() -> None:
    eyes = Eyes(faces=(Box(-0.1, 0.5, 0.3, 0.75),), lines=(Box(0.25, 0.25, 0.5, 0.5),))
    redactor = engine(eyes)
    assert redactor.name == "rekognition"
    assert redactor.find(blank(100, 200), BOTH) == (
        Region(kind=RegionKind.FACE, top=0, left=100, height=20, width=100),
        Region(kind=RegionKind.TEXT, top=25, left=50, height=50, width=100),
    )
    assert redactor.name == "rekognition/text-3.1"


@pytest.mark.parametrize("kind", RegionKind)
def test_only_what_is_to_be_hidden_is_asked_for(kind: RegionKind) -> None:
    eyes = Eyes((Box(0, 0, 1, 1),), (Box(0, 0, 1, 1),))
    found = engine(eyes).find(blank(100, 100), frozenset({kind}))
    assert ({region.kind for region in found}, len(eyes.pictures)) == ({kind}, 1)


def test_a_picture_smaller_than_rekognition_takes_is_shown_with_a_margin() -> None:
    eyes = Eyes(faces=(Box(0, 0, 0.25, 0.5), Box(0.5, 0.5, 0.2, 0.2)))
    found = engine(eyes).find(blank(20, 160), frozenset({RegionKind.FACE}))
    assert eyes.pictures == [(160, 80)]
    assert found == (Region(kind=RegionKind.FACE, top=0, left=0, height=20, width=80),)


def test_more_text_than_rekognition_tells_at_once_is_found_piece_by_piece() -> None:
    class Page(Eyes):
        def texts(self, picture: bytes) -> Texts:
            self._see(picture)
            whole = len(self.pictures) == 1
            return Texts((Box(0, 0, 0.5, 0.5),), 100 if whole else 99, "3.1")

    eyes = Page()
    found = engine(eyes).find(blank(1000, 800), frozenset({RegionKind.TEXT}))
    assert eyes.pictures == [(800, 1000), *[(440, 550)] * 4]
    assert [(region.top, region.left) for region in found] == [
        (0, 0),
        (0, 0),
        (0, 360),
        (450, 0),
        (450, 360),
    ]


def test_a_page_full_of_text_costs_a_bounded_number_of_calls() -> None:
    eyes = Eyes(words=100)
    engine(eyes).find(blank(1000, 800), frozenset({RegionKind.TEXT}))
    assert len(eyes.pictures) == 1 + 4 + 16


def test_where_regions_are_very_many_everything_is_hidden() -> None:
    class Many:
        name = "many/1"

        def __init__(self, count: int) -> None:
            self.count = count

        def find(self, pixels: Pixels, kinds: frozenset[RegionKind]) -> tuple[Region, ...]:
            return (Region(kind=RegionKind.TEXT, top=1, left=1, height=1, width=1),) * self.count

    most = Bounded(Many(MOST_REGIONS))
    more = Bounded(Many(MOST_REGIONS + 1))
    assert len(most.find(blank(10, 20), BOTH)) == MOST_REGIONS
    assert more.find(blank(10, 20), BOTH) == (
        Region(kind=RegionKind.TEXT, top=0, left=0, height=10, width=20),
    )
    assert more.name == "many/1"


def test_the_settings_choose_the_engine() -> None:
    def never() -> Rekognition:
        raise AssertionError

    assert redactor_of(RedactionSettings(), never) is None
    offline = redactor_of(RedactionSettings(enabled=True, engine="offline"), never)
    assert offline
    assert offline.name.startswith("offline/")
    online = redactor_of(RedactionSettings(enabled=True), lambda: Rekognition(None))
    assert online
    assert online.name == "rekognition"


def test_a_busy_engine_is_worth_another_try() -> None:
    class Busy(Eyes):
        def faces(self, picture: bytes) -> tuple[Box, ...]:
            raise Unavailable("Slow down.")

    with pytest.raises(Unavailable):
        engine(Busy()).find(blank(100, 100), BOTH)


def test_the_offline_engines_libraries_are_not_loaded_for_others() -> None:
    program = "import sys, visionml.intake.redacting; print('skimage' in sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "False"
