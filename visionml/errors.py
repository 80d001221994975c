"""The errors this package raises on purpose.

Every one carries a sentence that says what happened and where, a ``hint`` that
says what to do, and the exit code the command line ends with::

    VisionmlError             anything below                                     1
    ├── InvalidInput          the caller gave something unusable: mend it         2
    │   ├── SettingsInvalid   an environment file or an override                  2
    │   ├── DatasetInvalid    a folder or manifest that cannot be a dataset       2
    │   ├── ImageRefused      bytes that are not an acceptable image              2
    │   └── RequestRefused    an inference request that no retry will mend        2
    ├── NotFound              a named thing does not exist: deploy or create it   3
    ├── Conflict              the thing exists, is busy or moved meanwhile        4
    ├── AccessDenied          the credentials or the role may not do this         5
    ├── Unavailable           transient: throttled or unreachable, try again      6
    │   └── NotServing        the endpoint is busy, slow or without a model       6
    ├── JobFailed             a job, machine or deployment ended without success  7
    │   ├── GateFailed        the model did not earn its registration             8
    │   └── RolledBack        the rollout ended on the previous version           9
    └── MachineUnfit          this computer lacks space, a port, a program       10
"""

from typing import ClassVar


class VisionmlError(Exception):
    """Anything this package raises on purpose."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class InvalidInput(VisionmlError):
    """The caller gave something unusable and can mend it."""

    exit_code = 2


class SettingsInvalid(InvalidInput):
    """An environment file or an override holds a missing, unknown or contradictory value."""


class DatasetInvalid(InvalidInput):
    """A folder or manifest cannot become a dataset."""


class ImageRefused(InvalidInput):
    """Bytes are not an acceptable image; ``reason`` is a stable code such as ``truncated``."""

    def __init__(
        self, message: str, *, reason: str, limit: int | None = None, hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.reason = reason
        self.limit = limit


class RequestRefused(InvalidInput):
    """An inference request was refused for what it is; ``status`` is HTTP's."""

    def __init__(
        self, message: str, *, code: str, status: int, limit: int | None = None, hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.status = status
        self.limit = limit


class NotFound(VisionmlError):
    """A named thing does not exist."""

    exit_code = 3


class Conflict(VisionmlError):
    """The thing exists already, is busy, or was changed by somebody else meanwhile."""

    exit_code = 4


class AccessDenied(VisionmlError):
    """The credentials or the role in use may not do this."""

    exit_code = 5


class Unavailable(VisionmlError):
    """A service throttled the call or could not be reached; trying again may help."""

    exit_code = 6


class NotServing(Unavailable):
    """The inference service cannot answer now; ``status`` is HTTP's, 429 or 503."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        status: int = 503,
        limit: int | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.status = status
        self.limit = limit


class JobFailed(VisionmlError):
    """A job, state machine or deployment ended without success."""

    exit_code = 7


class GateFailed(JobFailed):
    """A model was trained and evaluated but did not earn its registration."""

    exit_code = 8


class RolledBack(JobFailed):
    """A rollout ended with traffic back on the previous version."""

    exit_code = 9


class MachineUnfit(VisionmlError):
    """The computer lacks something: disk space, a free port, a program."""

    exit_code = 10
