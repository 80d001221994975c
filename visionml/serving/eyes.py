"""``python -m visionml.serving.eyes``: looks at pictures for another process, over its pipes.

Messages are those of `visionml.contracts.frames`. A request names what is asked, and its body is
a file:

- ``{"ask": "load"}`` with a ``model.tar.gz`` -> ``{"classes": [...]}``
- ``{"ask": "labels"}`` with a picture -> its size, and a share for each class of the loaded model,
  by the functions that serving uses
- ``{"ask": "faces"}``, ``{"ask": "text"}`` with a picture -> its size, and regions in pixels

A picture that is none is answered ``{"refused": reason}``, everything else that goes wrong
``{"failed": sentence}``. It ends when its input ends.
"""

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from visionml.contracts import frames
from visionml.contracts.intake import RegionKind
from visionml.errors import Conflict, ImageRefused, InvalidInput, VisionmlError

if TYPE_CHECKING:
    from visionml.imaging.header import Limits
    from visionml.serving.models import Model

Answer = dict[str, Any]
LARGEST_PICTURE = 15 * 1024**2
"""Bytes."""


def main() -> int:
    """Answer requests until the input ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is no answer
    serve(sys.stdin.buffer, answers)
    return 0


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more."""
    eyes = Eyes()
    while (request := frames.receive(requests)) is not None:
        frames.send(answers, eyes.answer(*request))


class Eyes:
    """What is asked, and the model that was loaded last."""

    def __init__(self) -> None:
        self._model: Model | None = None
        self._known: dict[str, Callable[[bytes], Answer]] = {
            "load": self._load,
            "labels": self._labels,
            "faces": lambda picture: _regions(picture, RegionKind.FACE),
            "text": lambda picture: _regions(picture, RegionKind.TEXT),
        }

    def answer(self, header: dict[str, Any], body: bytes) -> Answer:
        """Return the answer to one request."""
        try:
            asked = self._known.get(str(header.get("ask")))
            if asked is None:
                raise InvalidInput(f"{header.get('ask')!r} is not one of {sorted(self._known)}.")
            return asked(body)
        except ImageRefused as refused:
            return {"refused": refused.reason, "failed": refused.message}
        except VisionmlError as error:
            return {"failed": error.message}

    def _load(self, archive: bytes) -> Answer:
        from visionml.model import artefact  # noqa: PLC0415  (heavy, as all below)
        from visionml.serving.models import open_model  # noqa: PLC0415

        with tempfile.TemporaryDirectory() as folder:
            packed = Path(folder) / "model.tar.gz"
            packed.write_bytes(archive)
            artefact.unpack(packed, Path(folder) / "model")
            self._model = open_model(Path(folder) / "model")
        return {"classes": list(self._model.record.classes)}

    def _labels(self, picture: bytes) -> Answer:
        import numpy as np  # noqa: PLC0415

        from visionml.imaging.model_input import pixels  # noqa: PLC0415

        if self._model is None:
            raise Conflict("No model has been loaded.")
        size = self._model.record.input
        shown = pixels(picture, height=size.height, width=size.width, limits=_limits())
        shares = self._model.infer(shown[np.newaxis]).probabilities[0]
        return {
            **_size(picture),
            "classes": list(self._model.record.classes),
            "shares": [float(share) for share in shares],
        }


def _regions(picture: bytes, kind: RegionKind) -> Answer:
    from visionml.imaging.clean import upright_srgb  # noqa: PLC0415
    from visionml.imaging.header import read_header  # noqa: PLC0415
    from visionml.imaging.offline_redactor import OfflineRedactor  # noqa: PLC0415
    from visionml.imaging.redaction import regions_in  # noqa: PLC0415

    image = upright_srgb(picture, read_header(picture, _limits()))
    opaque = image.flatten(background=255) if image.hasalpha() else image
    found = regions_in(opaque, OfflineRedactor(), frozenset({kind}))
    regions = [region.model_dump(exclude={"kind"}) for region in found]
    return {**_size(picture), "regions": regions}


def _size(picture: bytes) -> Answer:
    """Return width and height as the picture is seen, upright."""
    from visionml.imaging.header import read_header  # noqa: PLC0415

    facts = read_header(picture, _limits())
    turned = facts.orientation >= 5
    width, height = (facts.height, facts.width) if turned else (facts.width, facts.height)
    return {"width": width, "height": height}


def _limits() -> "Limits":
    from visionml.imaging.header import Limits  # noqa: PLC0415

    return Limits(bytes=LARGEST_PICTURE)


if __name__ == "__main__":
    sys.exit(main())
