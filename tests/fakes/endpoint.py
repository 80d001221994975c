"""An endpoint in memory that says of an image what its bytes say, and can be in trouble."""

import json
import threading
from collections.abc import Callable

from visionml.aws.invocation import Invocation
from visionml.serving.limits import RequestLimits
from visionml.serving.requests import ImageRequest, media_type, parse


class MemoryEndpoint:
    """Stands for a function that invokes an endpoint with a body and its content type.

    An image ``dark`` is answered with that label. One that begins with ``refuse:`` is refused
    with the code that follows; one that begins with ``poison`` fails its whole invocation.
    """

    def __init__(self, *, version: str = "v1") -> None:
        self.version = version
        self.invocations: list[int] = []
        """How many images each of them held, of those that were answered."""
        self.trouble: Callable[[], Invocation | None] = lambda: None
        """Called first; what it returns is the answer, what it raises is raised."""
        self._lock = threading.Lock()

    def __call__(self, body: bytes, content_type: str) -> Invocation:
        with self._lock:
            broken = self.trouble()
        if broken is not None:
            return broken
        parsed = parse(body, media_type(content_type), RequestLimits())
        images = [_content(each.open(RequestLimits().image)) for each in parsed.items]  # type: ignore[union-attr]
        if any(each.startswith(b"poison") for each in images):
            return Invocation(500, b"the container ended", "")
        with self._lock:
            self.invocations.append(len(images))
        entries = [self._entry(each.decode(errors="replace")) for each in images]
        if parsed.batch:
            return Invocation(200, json.dumps({"predictions": entries}).encode(), "ModelA")
        return Invocation(
            400 if "error" in entries[0] else 200, json.dumps(entries[0]).encode(), "ModelA"
        )

    def _entry(self, image: str) -> dict[str, object]:
        if image.startswith("refuse:"):
            return {"error": {"code": image.partition("#")[0].split(":")[1], "message": "No."}}
        label = image.partition("#")[0]
        return {
            "label": label,
            "probability": 0.75,
            "probabilities": {label: 0.75, "other": 0.25},
            "model_version": self.version,
        }


def _content(request: ImageRequest) -> bytes:
    return request.image
