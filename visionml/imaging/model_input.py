"""The one way from a file's bytes to the pixels a model sees, in training and in serving.

Scale until the picture covers the input, keep the centre. A plain JPEG is decoded at the
smallest of 1/8, 1/4, 1/2 and 1 that still covers, then reduced in one pass; everything else is
decoded in full. Rotation by Exif happens last, where it costs least.
"""

from functools import lru_cache
from math import ceil, floor
from typing import NamedTuple

import numpy as np
import pyvips

from visionml.imaging.decode import jpeg_pixels, refusal, vips_image
from visionml.imaging.header import DEFAULT_LIMITS, ImageFacts, Limits, read_header

_FACTORS = (8, 4, 2)
_SPARE_PIXELS = 8
_PLACEMENT_TOLERANCE = 0.1
_MARGIN = 3  # source pixels that bicubic interpolation sees beyond an edge, and one


def pixels(data: bytes, *, height: int, width: int, limits: Limits = DEFAULT_LIMITS) -> np.ndarray:
    """Decode, scale to cover and crop the centre: uint8 (`height`, `width`, 3), RGB, upright.

    Reduction is by Lanczos (three lobes), enlargement bicubic. Transparent parts show white.
    The same bytes give the same pixels in every process.

    Raises
    ------
    ImageRefused
        As `visionml.imaging.inspect.inspect`.
    """
    facts = read_header(data, limits)
    if facts.orientation >= 5:
        height, width = width, height
    factor = _factor(facts.height, facts.width, height, width)
    source = jpeg_pixels(data, facts, factor=factor)
    if source is None:
        factor, source = 1, vips_image(data, facts)
    try:
        fitted = _cover(source, facts, factor, height, width)
    except pyvips.Error as error:
        raise refusal(facts, error) from None
    return np.ascontiguousarray(upright(fitted, facts.orientation))


def _factor(rows: int, columns: int, height: int, width: int) -> int:
    """Return the largest factor that still covers, and leaves the crop where it belongs."""
    for factor in _FACTORS:
        if rows < height * factor or columns < width * factor:
            continue
        scale = min(rows / factor / height, columns / factor / width)
        off = max(
            window(rows / factor, height, scale).off, window(columns / factor, width, scale).off
        )
        if off <= _PLACEMENT_TOLERANCE:
            return factor
    return 1


class Window(NamedTuple):
    """Along one axis: which source pixels to keep, and which output pixels after scaling."""

    off: float
    """How far the centre lies from where it should, in output pixels."""
    start: int
    length: int
    output_start: int
    output_length: int


@lru_cache(maxsize=1024)
def window(extent: float, target: int, scale: float) -> Window:
    """Return the window whose centre lies nearest to the centre of `extent` source pixels.

    libvips aligns the centres of its input and output, so a crop can lie on half source pixels
    only. Some output pixels to spare, cut off afterwards on either side, make up for that:
    dropping one side's pixel moves the centre by half of `scale`.
    """
    size = ceil(extent)
    best = Window(float(size), 0, size, 0, target)
    for length_out in range(target, target + _SPARE_PIXELS + 1):
        for length in range(ceil((length_out - 0.49) * scale), size + 1):
            if length > (length_out + 0.49) * scale:
                break
            for output_start in range(length_out - target + 1):
                shift = (output_start + target / 2 - length_out / 2) * scale
                centre = extent / 2 - shift
                start = min(max(round(centre - length / 2), 0), size - length)
                off = abs(start + length / 2 - centre) / scale
                if off < best.off - 1e-6:
                    best = Window(off, start, length, output_start, length_out)
        if best.off < 0.01:
            break
    return best


def _cover(
    source: np.ndarray | pyvips.Image, facts: ImageFacts, factor: int, height: int, width: int
) -> np.ndarray:
    rows, columns = facts.height / factor, facts.width / factor
    scale = min(rows / height, columns / width)
    if scale < 1:
        image = _enlarged(_image(source), height, width, scale)
        content = image.write_to_memory()
        top = left = 0
    else:
        down, across = window(rows, height, scale), window(columns, width, scale)
        if isinstance(source, np.ndarray):
            source = source[down.start :, across.start :][: down.length, : across.length]
            image = _image(source).reduce(scale, scale, kernel="lanczos3")
            # at once and in this thread: strips in libvips' own cost a tenth more
            content = pyvips.Region.new(image).fetch(0, 0, image.width, image.height)
        else:
            image = source.crop(across.start, down.start, across.length, down.length)
            image = image.resize(1 / scale, kernel="lanczos3")
            content = image.write_to_memory()
        top, left = down.output_start, across.output_start
    array = np.frombuffer(content, np.uint8).reshape(image.height, image.width, image.bands)
    return array[top : top + height, left : left + width]


def _image(source: np.ndarray | pyvips.Image) -> pyvips.Image:
    if isinstance(source, pyvips.Image):
        return source
    rows, columns, bands = source.shape
    return pyvips.Image.new_from_memory(np.ascontiguousarray(source), columns, rows, bands, "uchar")


def _enlarged(image: pyvips.Image, height: int, width: int, scale: float) -> pyvips.Image:
    """Enlarge the centre of `image` by 1 / `scale`; centres of pixels stay where they are."""
    top = (image.height - height * scale) / 2
    left = (image.width - width * scale) / 2
    first_row, first_column = max(0, floor(top) - _MARGIN), max(0, floor(left) - _MARGIN)
    rows = min(image.height, ceil(top + height * scale) + _MARGIN) - first_row
    columns = min(image.width, ceil(left + width * scale) + _MARGIN) - first_column
    return (
        image.crop(first_column, first_row, columns, rows)
        .copy_memory()  # the next step does not read from top to bottom
        .affine(
            [1 / scale, 0, 0, 1 / scale],
            interpolate=pyvips.Interpolate.new("bicubic"),
            idx=0.5 - (left - first_column),
            idy=0.5 - (top - first_row),
            odx=-0.5,
            ody=-0.5,
            oarea=[0, 0, width, height],
            extend="copy",
        )
    )


def upright(array: np.ndarray, orientation: int) -> np.ndarray:
    """Apply an Exif orientation, 1 to 8, to an array whose first axes are rows and columns."""
    if orientation in {5, 6, 7, 8}:
        array = array.swapaxes(0, 1)
    if orientation in {3, 4, 7, 8}:
        array = array[::-1]
    if orientation in {2, 3, 6, 7}:
        array = array[:, ::-1]
    return array
