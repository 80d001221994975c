"""What one request may cost, and how many may wait."""

from dataclasses import dataclass, field

from visionml.errors import NotServing, RequestRefused
from visionml.imaging.header import Limits


@dataclass(frozen=True)
class RequestLimits:
    """The limits of one worker process."""

    image: Limits = field(default_factory=Limits)
    queue: int = 64
    """Requests that may wait or run at once."""
    queue_bytes: int = 128 * 1024 * 1024
    """Of all their bodies together."""
    seconds: float = 20.0
    """From a request's first byte to its answer."""

    def body_bytes(self, *, encoded: bool) -> int:
        """Return the largest body: base64 in JSON takes four bytes for three, and some syntax."""
        return self.image.bytes * 4 // 3 + 4096 if encoded else self.image.bytes

    def check_body(self, length: int, *, encoded: bool) -> None:
        """Refuse a body that is too long: 413."""
        if length > self.body_bytes(encoded=encoded):
            raise RequestRefused(
                f"The request is larger than an image of {self.image.bytes:,} bytes can be.",
                code="too_many_bytes",
                status=413,
                limit=self.image.bytes,
                hint="Send a smaller or more strongly compressed image.",
            )


class Admission:
    """Counts the requests and bytes under way; used on the event loop's thread alone."""

    def __init__(self, limits: RequestLimits) -> None:
        self._limits = limits
        self.requests = 0
        self.bytes = 0

    def enter(self) -> None:
        """Take a place in the queue, or refuse with 429."""
        if self.requests >= self._limits.queue:
            raise NotServing(
                f"{self._limits.queue} requests are waiting already; that is the limit.",
                code="busy",
                status=429,
                limit=self._limits.queue,
                hint="Try again shortly, more slowly.",
            )
        self.requests += 1

    def hold(self, length: int) -> None:
        """Account for bytes of a body, or refuse with 429."""
        if self.bytes + length > self._limits.queue_bytes:
            raise NotServing(
                f"The waiting requests hold {self._limits.queue_bytes:,} bytes already; "
                "that is the limit.",
                code="busy",
                status=429,
                limit=self._limits.queue_bytes,
                hint="Try again shortly, more slowly.",
            )
        self.bytes += length

    def leave(self, held: int) -> None:
        """Give the place and the held bytes back."""
        self.requests -= 1
        self.bytes -= held
