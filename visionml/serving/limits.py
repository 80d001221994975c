"""What one request may cost, how many may wait, and how many models may be kept."""

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
    batch: int = 32
    """Images in one request."""
    batch_bytes: int = 25 * 1024 * 1024
    """Of a request that may hold several images; SageMaker hands on no more."""

    def body_bytes(self, *, bare: bool) -> int:
        """Return the largest body: an image alone, or one in base64 or several of them.

        Base64 in JSON takes four bytes for three, and some syntax.
        """
        if bare:
            return self.image.bytes
        return max(self.image.bytes * 4 // 3 + 4096, self.batch_bytes)

    def check_body(self, length: int, *, bare: bool) -> None:
        """Refuse a body that is too long: 413."""
        most = self.body_bytes(bare=bare)
        if length > most:
            what = "an image" if bare else "a request"
            raise RequestRefused(
                f"The body is larger than the {most:,} bytes that {what} may have.",
                code="too_many_bytes",
                status=413,
                limit=most,
                hint="Send a smaller or more strongly compressed image."
                if bare
                else "Send fewer images at once.",
            )


@dataclass(frozen=True)
class ShelfLimits:
    """What one worker process may keep in memory."""

    models: int = 16
    bytes: int = 512 * 1024 * 1024
    """Of their graphs together; ONNX Runtime takes about twice as much."""


class Place:
    """A request's place in the queue, and the bytes that it holds there."""

    __slots__ = ("_admission", "bytes")

    def __init__(self, admission: "Admission") -> None:
        self._admission = admission
        self.bytes = 0

    def hold(self, length: int) -> None:
        """Account for more bytes, or refuse with 429."""
        self._admission.hold(length)
        self.bytes += length

    def release(self, length: int) -> None:
        """Give some of the bytes back."""
        self._admission.bytes -= length
        self.bytes -= length

    def leave(self) -> None:
        """Give the place and its bytes back."""
        self._admission.requests -= 1
        self.release(self.bytes)


class Admission:
    """Counts the requests and bytes under way; used on the event loop's thread alone."""

    def __init__(self, limits: RequestLimits) -> None:
        self._limits = limits
        self.requests = 0
        self.bytes = 0

    def enter(self) -> Place:
        """Return a place in the queue, or refuse with 429."""
        if self.requests >= self._limits.queue:
            raise NotServing(
                f"{self._limits.queue} requests are waiting already; that is the limit.",
                code="busy",
                status=429,
                limit=self._limits.queue,
                hint="Try again shortly, more slowly.",
            )
        self.requests += 1
        return Place(self)

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
