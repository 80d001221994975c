"""From a file's bytes to a clean image with previews and statistics, or to a refusal. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visionml.contracts.inference import PIXEL_STATISTICS, PixelStatistics
from visionml.contracts.intake import RedactionRecord, Refusal, RefusalReason
from visionml.contracts.settings import RedactionSettings
from visionml.imaging.clean import cleaned
from visionml.imaging.header import ImageFormat, Limits, too_many_bytes
from visionml.imaging.inspect import admit, inspect
from visionml.imaging.previews import previews
from visionml.imaging.redaction import Redactor, redacted
from visionml.imaging.sniff import kind_of
from visionml.imaging.statistics import Source, describe

_SMALLEST_SIDE = 3  # of what has a Laplacian


@dataclass(frozen=True)
class Accepted:
    """An image as everything after intake sees it: upright, in sRGB, without metadata."""

    content: bytes
    format: ImageFormat
    width: int
    height: int
    previews: Mapping[int, bytes]
    """JPEG files by the side of the square that each fits into."""
    statistics: PixelStatistics
    redaction: RedactionRecord | None


@dataclass(frozen=True)
class Acceptance:
    """How files become images in one environment."""

    limits: Limits
    sizes: tuple[int, ...]
    redaction: RedactionSettings
    redactor: Redactor | None
    """None where nothing is hidden."""

    def accept(self, data: bytes) -> Accepted:
        """Return the image in a file, decoded to its last byte on the way.

        Raises
        ------
        ImageRefused
            As `visionml.imaging.inspect.admit` and `visionml.imaging.inspect.inspect`.
        Unavailable
            The engine that finds what to hide cannot be asked now.
        """
        admit(data, self.limits)
        record = None
        if self.redactor is not None:
            inspect(data, self.limits)
            hidden = redacted(
                data,
                self.redactor,
                kinds=frozenset(self.redaction.hide),
                method=self.redaction.method,
                limits=self.limits,
            )
            data, record = hidden.content, hidden.record
        shown = previews(data, sizes=self.sizes, limits=self.limits)
        content = data if record is not None else cleaned(data, self.limits).content
        width, height = shown.facts.upright_size
        return Accepted(
            content=content,
            format=shown.facts.format,
            width=width,
            height=height,
            previews={size: preview.content for size, preview in shown.by_size.items()},
            statistics=_statistics(shown.pixels, Source(width, height, len(data))),
            redaction=record,
        )


def too_large(size: int, beginning: bytes, limit: int) -> Refusal:
    """Return the refusal of a file that is not read for its size."""
    why = too_many_bytes(size, limit)
    return Refusal(
        reason=RefusalReason(why.reason),
        kind=kind_of(beginning),
        sentence=why.message,
        hint=why.hint,
        limit=limit,
        file_size=size,
        sha256=None,
    )


def _statistics(pixels: NDArray[np.uint8], source: Source) -> PixelStatistics:
    short = [(0, max(0, _SMALLEST_SIDE - side)) for side in pixels.shape[:2]]
    values = describe(np.pad(pixels, (*short, (0, 0)), mode="edge"), source)
    return PixelStatistics(**dict(zip(PIXEL_STATISTICS, values, strict=True)))
