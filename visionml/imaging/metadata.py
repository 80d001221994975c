"""What an image tells beside its picture, for people to look at."""

import pyvips

from visionml.imaging.decode import refusal, vips_source
from visionml.imaging.header import DEFAULT_LIMITS, Limits, read_header

_EXIF = "exif-ifd"


def metadata(data: bytes, limits: Limits = DEFAULT_LIMITS) -> dict[str, str]:
    """Return what Exif says, such as ``GPSLatitude``; nothing for an image without it.

    Raises
    ------
    ImageRefused
        As `visionml.imaging.inspect.inspect`.
    """
    facts = read_header(data, limits)
    image = vips_source(data, facts)
    try:
        fields = [name for name in image.get_fields() if name.startswith(_EXIF)]
        texts = {name: str(image.get(name)) for name in fields}
    except pyvips.Error as error:
        raise refusal(facts, error) from None
    # "exif-ifd3-GPSLatitude": "47/1 22/1 25/1 (47, 22, 25, Rational, ...)"
    return {name.rpartition("-")[2]: text.partition(" (")[0] for name, text in texts.items()}
