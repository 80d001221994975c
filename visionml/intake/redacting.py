"""The engines that find faces and text, and which one the settings choose."""

from collections.abc import Callable, Iterable, Iterator
from math import ceil

import numpy as np
import simplejpeg

from visionml.aws.rekognition import MOST_WORDS, SMALLEST_SIDE, Box, Rekognition
from visionml.contracts.intake import Region, RegionKind
from visionml.contracts.settings import RedactionSettings
from visionml.imaging.redaction import Pixels, Redactor

_QUALITY = 90
_SPLITS = 2
_OVERLAP = 0.1
MOST_REGIONS = 2000
"""What an image's record has room for."""


def redactor_of(
    settings: RedactionSettings, rekognition: Callable[[], Rekognition]
) -> Redactor | None:
    """Return the engine that the settings choose; None where nothing is to be hidden."""
    if not settings.enabled:
        return None
    if settings.engine == "rekognition":
        return Bounded(RekognitionRedactor(rekognition()))
    # its libraries take a second to load, which other engines need not pay for
    from visionml.imaging.offline_redactor import OfflineRedactor  # noqa: PLC0415

    return Bounded(OfflineRedactor())


class Bounded:
    """An engine that gives up telling regions apart where there are very many: all is hidden."""

    def __init__(self, engine: Redactor) -> None:
        self._engine = engine

    @property
    def name(self) -> str:
        """The engine's own."""
        return self._engine.name

    def find(self, pixels: Pixels, kinds: frozenset[RegionKind]) -> tuple[Region, ...]:
        """Return where faces or text are; regions may overlap."""
        found = self._engine.find(pixels, kinds)
        if len(found) <= MOST_REGIONS:
            return found
        height, width = pixels.shape[:2]
        return tuple(
            Region(kind=kind, top=0, left=0, height=height, width=width)
            for kind in sorted({region.kind for region in found})
        )


class RekognitionRedactor:
    """Finds what Amazon Rekognition finds, which is told the picture and nothing else."""

    def __init__(self, rekognition: Rekognition) -> None:
        self._rekognition = rekognition
        self._text_model = ""

    @property
    def name(self) -> str:
        """The engine, and the version of its model for text once it has told it."""
        return f"rekognition/text-{self._text_model}" if self._text_model else "rekognition"

    def find(self, pixels: Pixels, kinds: frozenset[RegionKind]) -> tuple[Region, ...]:
        """Return where faces or text are; regions may overlap.

        Raises
        ------
        Unavailable
            Rekognition throttles or is down.
        """
        found: list[Region] = []
        if RegionKind.FACE in kinds:
            shown = _shown(pixels)
            boxes = self._rekognition.faces(_file(shown))
            found += _regions(RegionKind.FACE, boxes, shown, pixels)
        if RegionKind.TEXT in kinds:
            found += self._text(pixels, _SPLITS)
        return tuple(found)

    def _text(self, pixels: Pixels, splits: int) -> Iterator[Region]:
        """Yield lines of text; of a picture with more than Rekognition tells, by its quarters."""
        shown = _shown(pixels)
        texts = self._rekognition.texts(_file(shown))
        self._text_model = texts.model_version or self._text_model
        yield from _regions(RegionKind.TEXT, texts.lines, shown, pixels)
        if texts.words < MOST_WORDS or not splits:
            return
        for top, bottom in _halves(pixels.shape[0]):
            for left, right in _halves(pixels.shape[1]):
                for region in self._text(pixels[top:bottom, left:right], splits - 1):
                    moved = {"top": region.top + top, "left": region.left + left}
                    yield region.model_copy(update=moved)


def _halves(length: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the two halves of a side, which overlap so that no word is cut in both."""
    more = ceil(length * _OVERLAP / 2)
    return (0, min(length, length // 2 + more)), (max(0, length // 2 - more), length)


def _shown(pixels: Pixels) -> Pixels:
    """Return the picture as large as Rekognition takes it, at the least, with white added."""
    short = [(0, max(0, SMALLEST_SIDE - side)) for side in pixels.shape[:2]]
    if not any(more for _, more in short):
        return pixels
    shown: Pixels = np.pad(pixels, (*short, (0, 0)), constant_values=255)
    return shown


def _file(pixels: Pixels) -> bytes:
    content: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), _QUALITY, "RGB", "444")
    return content


def _regions(
    kind: RegionKind, boxes: Iterable[Box], shown: Pixels, pixels: Pixels
) -> Iterator[Region]:
    """Yield boxes in pixels of the picture, without what lies beyond its edges."""
    rows, columns = shown.shape[:2]
    for box in boxes:
        top, left = max(0, int(box.top * rows)), max(0, int(box.left * columns))
        bottom = min(pixels.shape[0], ceil((box.top + box.height) * rows))
        right = min(pixels.shape[1], ceil((box.left + box.width) * columns))
        if bottom > top and right > left:
            yield Region(kind=kind, top=top, left=left, height=bottom - top, width=right - left)
