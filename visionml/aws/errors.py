"""botocore's errors, translated once, by a table."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
)
from botocore.exceptions import (
    ConnectionError as BotoConnectionError,
)

from visionml.errors import (
    AccessDenied,
    Conflict,
    InvalidInput,
    NotFound,
    Unavailable,
    VisionmlError,
)

_BY_CODE: dict[str, type[VisionmlError]] = {
    "404": NotFound,
    "NoSuchBucket": NotFound,
    "NoSuchKey": NotFound,
    "NoSuchVersion": NotFound,
    "InvalidS3ObjectException": NotFound,
    "NoSuchEntity": NotFound,
    "NotFound": NotFound,
    "NotFoundException": NotFound,
    "InvalidToken": NotFound,
    "ParameterNotFound": NotFound,
    "ResourceNotFound": NotFound,
    "ResourceNotFoundException": NotFound,
    "StateMachineDoesNotExist": NotFound,
    "TaskDoesNotExist": NotFound,
    "TaskTimedOut": NotFound,
    "ExecutionDoesNotExist": NotFound,
    "403": AccessDenied,
    "AccessDenied": AccessDenied,
    "AccessDeniedException": AccessDenied,
    "ExpiredToken": AccessDenied,
    "ExpiredTokenException": AccessDenied,
    "InvalidAccessKeyId": AccessDenied,
    "InvalidClientTokenId": AccessDenied,
    "SignatureDoesNotMatch": AccessDenied,
    "UnauthorizedOperation": AccessDenied,
    "UnrecognizedClientException": AccessDenied,
    "ConditionalCheckFailedException": Conflict,
    "ExecutionAlreadyExists": Conflict,
    "ConflictException": Conflict,
    "ConditionalRequestConflict": Conflict,
    "TransactionCanceledException": Conflict,
    "ParameterAlreadyExists": Conflict,
    "PreconditionFailed": Conflict,
    "ResourceInUse": Conflict,
    "ResourceInUseException": Conflict,
    "ImageTooLargeException": InvalidInput,
    "InvalidImageFormatException": InvalidInput,
    "InvalidParameterException": InvalidInput,
    "InvalidRequestException": InvalidInput,
    "ValidationError": InvalidInput,
    "ValidationException": InvalidInput,
    "ExecutionLimitExceeded": Unavailable,
    "InternalError": Unavailable,
    "InternalFailure": Unavailable,
    "InternalServiceError": Unavailable,
    "InternalServerError": Unavailable,
    "ProvisionedThroughputExceededException": Unavailable,
    "RequestLimitExceeded": Unavailable,
    "RequestTimeout": Unavailable,
    "ServiceUnavailable": Unavailable,
    "SlowDown": Unavailable,
    "ThrottledException": Unavailable,
    "Throttling": Unavailable,
    "ThrottlingException": Unavailable,
    "TooManyRequestsException": Unavailable,
}

# SageMaker and CloudFormation answer ValidationException or ValidationError to almost
# everything; their sentence tells these cases apart.
_BY_MESSAGE: tuple[tuple[str, type[VisionmlError]], ...] = (
    ("could not find", NotFound),
    ("does not exist", NotFound),
    ("resource not found", NotFound),
    ("cannot create already existing", Conflict),
    ("already exists", Conflict),
    ("cannot update in-progress", Conflict),
    ("cannot update endpoint", Conflict),
)

# What usually helps, where the caller of `translated` knows nothing better.
_HINTS = dict.fromkeys(
    ("NoSuchBucket", "StateMachineDoesNotExist"),
    "Run `visionml deploy` for this environment first.",
)


def _kind(code: str, message: str) -> type[VisionmlError]:
    if code in {"ValidationException", "ValidationError"}:
        lowered = message.lower()
        for phrase, kind in _BY_MESSAGE:
            if phrase in lowered:
                return kind
    return _BY_CODE.get(code, VisionmlError)


@contextmanager
def translated(doing: str, *, hint: str = "") -> Iterator[None]:
    """Raise this package's errors for botocore's, saying what was being done.

    ``doing`` completes "Could not ...", such as ``"read the bucket raw-1"``.
    """
    try:
        yield
    except ClientError as error:
        detail = error.response.get("Error", {})
        code, message = str(detail.get("Code", "")), str(detail.get("Message", ""))
        raise _kind(code, message)(
            f"Could not {doing}: {code}: {message}".rstrip(": .") + ".",
            hint=hint or _HINTS.get(code, ""),
        ) from error
    except NoCredentialsError as error:
        raise AccessDenied(
            f"Could not {doing}: there are no AWS credentials.",
            hint="Run `aws configure`, or `visionml local up` for the embedded AWS.",
        ) from error
    except (BotoConnectionError, HTTPClientError) as error:
        raise Unavailable(
            f"Could not {doing}: {error}.",
            hint=hint or "Check the network, or `visionml local status` for the embedded AWS.",
        ) from error
    except BotoCoreError as error:
        raise VisionmlError(f"Could not {doing}: {error}.", hint=hint) from error
