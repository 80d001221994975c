"""Accept an image, or say in a stable code why not."""

import pyvips

from visionml.imaging.decode import jpeg_pixels, refusal, vips_image
from visionml.imaging.header import DEFAULT_LIMITS, ImageFacts, Limits, read_header

__all__ = ["DEFAULT_LIMITS", "ImageFacts", "Limits", "inspect"]


def inspect(data: bytes, limits: Limits = DEFAULT_LIMITS) -> ImageFacts:
    """Return an image's facts once every byte of its picture was decoded.

    The header is judged first, so that a decompression bomb is refused unopened. What is
    accepted here, `visionml.imaging.model_input.pixels` reads.

    Raises
    ------
    ImageRefused
        ``reason`` is ``empty``, ``too_many_bytes``, ``unsupported`` (neither JPEG, PNG nor
        WebP), ``unreadable`` (damaged), ``truncated``, ``animated`` or ``too_many_pixels``.
    """
    facts = read_header(data, limits)
    # At an eighth of the size every code of a JPEG is still read, for a third of the time.
    if jpeg_pixels(data, facts, factor=8) is not None:
        return facts
    image = vips_image(data, facts)
    try:
        image.avg()
    except pyvips.Error as error:
        raise refusal(facts, error) from None
    return facts
