"""Accept an image, or say in a stable code why not."""

from hashlib import sha256

import pyvips

from visionml.contracts.intake import Refusal, RefusalReason
from visionml.errors import ImageRefused
from visionml.imaging.decode import jpeg_pixels, refusal, vips_image
from visionml.imaging.header import DEFAULT_LIMITS, ImageFacts, Limits, read_header
from visionml.imaging.sniff import described, hidden_kind, kind_of

__all__ = ["DEFAULT_LIMITS", "ImageFacts", "Limits", "admit", "inspect", "refused"]


def admit(data: bytes, limits: Limits = DEFAULT_LIMITS) -> ImageFacts:
    """Return the facts of a file that is an image within the limits, and nothing else besides.

    Pixels are not decoded here: that `inspect` does, and so does whoever makes previews.

    Raises
    ------
    ImageRefused
        As `visionml.imaging.header.read_header`, and ``polyglot``.
    """
    facts = read_header(data, limits)
    hidden = hidden_kind(data)
    if hidden is not None:
        raise ImageRefused(
            f"The {facts.format} image is {described(hidden)} too.",
            reason="polyglot",
            hint="Save the picture again with an image editor.",
        )
    return facts


def refused(data: bytes, why: ImageRefused) -> Refusal:
    """Return the record of a refusal."""
    return Refusal(
        reason=RefusalReason(why.reason),
        kind=kind_of(data),
        sentence=why.message,
        hint=why.hint,
        limit=why.limit,
        file_size=len(data),
        sha256=sha256(data).hexdigest(),
    )


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
