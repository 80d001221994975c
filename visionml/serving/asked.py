"""What the headers of an invocation say."""

import time
from collections.abc import Iterable


class Asked:
    """One request's headers, as far as an invocation needs them, and when it began."""

    __slots__ = (
        "announced",
        "attributes",
        "bytes",
        "content_type",
        "inference_id",
        "started",
        "target",
    )

    def __init__(self, headers: Iterable[tuple[bytes, bytes]], target: str = "") -> None:
        """Read `headers`, their names in lower case; `target` is the model that a path names."""
        self.started = time.perf_counter()
        self.content_type = self.inference_id = self.attributes = ""
        self.target = target
        self.announced = self.bytes = 0
        for name, value in headers:
            if name == b"content-type":
                self.content_type = value.decode("latin-1")
            elif name == b"content-length" and value.isdigit():
                self.announced = int(value)
            elif name == b"x-amzn-sagemaker-inference-id":
                self.inference_id = value.decode("latin-1")
            elif name == b"x-amzn-sagemaker-custom-attributes":
                self.attributes = value.decode("latin-1")
            elif name == b"x-amzn-sagemaker-target-model" and not self.target:
                self.target = value.decode("latin-1")
