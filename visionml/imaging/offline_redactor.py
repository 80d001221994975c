"""An engine for redaction that needs no service: a trained cascade for faces, strokes for text.

Faces: scikit-image's cascade of local binary patterns, trained on frontal faces by OpenCV
(Liao et al. 2007). Text: strokes are thin parts lighter or darker than what surrounds them, which
top-hats single out (Serra 1982); where many stand close together in a line, there is text.
`docs/privacy.md` says how much of either is found.
"""

from functools import lru_cache
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.data import lbp_frontal_face_cascade_filename
from skimage.feature import Cascade

from visionml.contracts.intake import Region, RegionKind
from visionml.imaging.redaction import Pixels
from visionml.imaging.statistics import luma

_FACE_SMALLEST = 24
_FACE_NEIGHBOURS = 4
_SCALES = (1, 2, 4)
_CONTRASTS = (80, 130)
_STROKE = 9  # pixels: thinner than this is a stroke
_JOIN = (3, 13)
_LINE_HEIGHT = (6, 110)
_LINE_SHAPE = 1.2
_LINE_FILL = 0.35
_STROKE_SHARE = (0.15, 0.9)

_Mask = NDArray[np.bool_]


class OfflineRedactor:
    """Finds frontal faces from 24 pixels on, and text from some 12 pixels on."""

    @property
    def name(self) -> str:
        """The engine and the version of the library whose cascade it uses."""
        return f"offline/scikit-image-{version('scikit-image')}"

    def find(self, pixels: Pixels, kinds: frozenset[RegionKind]) -> tuple[Region, ...]:
        """Return where faces or text are; regions may overlap."""
        found: list[Region] = []
        if RegionKind.FACE in kinds:
            found += _faces(pixels)
        if RegionKind.TEXT in kinds:
            found += _text(pixels)
        return tuple(found)


@lru_cache(maxsize=1)
def _cascade() -> Cascade:
    return Cascade(lbp_frontal_face_cascade_filename())  # type: ignore[no-untyped-call]


def _faces(pixels: Pixels) -> list[Region]:
    least = min(pixels.shape[:2])
    if least <= _FACE_SMALLEST:
        return []
    boxes = _cascade().detect_multi_scale(
        pixels,
        scale_factor=1.1,
        step_ratio=1,
        min_size=(_FACE_SMALLEST, _FACE_SMALLEST),
        max_size=(least, least),
        min_neighbor_number=_FACE_NEIGHBOURS,
    )
    return [
        Region(
            kind=RegionKind.FACE,
            top=int(box["r"]),
            left=int(box["c"]),
            height=int(box["height"]),
            width=int(box["width"]),
        )
        for box in boxes
    ]


def _text(pixels: Pixels) -> list[Region]:
    grey, found = luma(pixels), []
    for scale in _SCALES:
        rows, columns = grey.shape[0] // scale, grey.shape[1] // scale
        if min(rows, columns) < _STROKE:
            break
        cut = grey[: rows * scale, : columns * scale]
        small = cut.reshape(rows, scale, columns, scale).mean(axis=(1, 3))
        for hat in (ndimage.white_tophat, ndimage.black_tophat):
            contrast = hat(small, size=(_STROKE, _STROKE))
            for least in _CONTRASTS:
                found += [_region(line, scale) for line in _lines(contrast > least)]
    return found


def _region(line: tuple[slice, slice], scale: int) -> Region:
    down, across = line
    return Region(
        kind=RegionKind.TEXT,
        top=down.start * scale,
        left=across.start * scale,
        height=(down.stop - down.start) * scale,
        width=(across.stop - across.start) * scale,
    )


def _lines(strokes: _Mask) -> list[tuple[slice, slice]]:
    """Return the boxes of strokes that stand close together in a line."""
    room = max(_JOIN)
    joined = ndimage.binary_closing(np.pad(strokes, room), np.ones(_JOIN))
    labels, _ = ndimage.label(joined[room:-room, room:-room], np.ones((3, 3)))
    boxes = enumerate(ndimage.find_objects(labels), 1)
    return [box for number, box in boxes if _is_line(labels[box] == number, strokes[box])]


def _is_line(own: _Mask, strokes: _Mask) -> bool:
    height, width = own.shape
    if not _LINE_HEIGHT[0] <= height <= _LINE_HEIGHT[1] or width < _LINE_SHAPE * height:
        return False
    if own.mean() < _LINE_FILL:
        return False
    share = (strokes & own).sum() / own.sum()
    return bool(_STROKE_SHARE[0] < share < _STROKE_SHARE[1])
