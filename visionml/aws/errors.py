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
    "NotFound": NotFound,
    "NotFoundException": NotFound,
    "ParameterNotFound": NotFound,
    "ResourceNotFound": NotFound,
    "ResourceNotFoundException": NotFound,
    "StateMachineDoesNotExist": NotFound,
    "ExecutionDoesNotExist": NotFound,
    "403": AccessDenied,
    "AccessDenied": AccessDenied,
    "AccessDeniedException": AccessDenied,
    "ExpiredToken": AccessDenied,
    "InvalidClientTokenId": AccessDenied,
    "SignatureDoesNotMatch": AccessDenied,
    "UnauthorizedOperation": AccessDenied,
    "UnrecognizedClientException": AccessDenied,
    "ConditionalCheckFailedException": Conflict,
    "ExecutionAlreadyExists": Conflict,
    "ConflictException": Conflict,
    "ParameterAlreadyExists": Conflict,
    "PreconditionFailed": Conflict,
    "ResourceInUse": Conflict,
    "ResourceInUseException": Conflict,
    "InvalidParameterException": InvalidInput,
    "ValidationError": InvalidInput,
    "ValidationException": InvalidInput,
    "InternalFailure": Unavailable,
    "InternalServerError": Unavailable,
    "ProvisionedThroughputExceededException": Unavailable,
    "RequestLimitExceeded": Unavailable,
    "ServiceUnavailable": Unavailable,
    "SlowDown": Unavailable,
    "ThrottledException": Unavailable,
    "Throttling": Unavailable,
    "ThrottlingException": Unavailable,
    "TooManyRequestsException": Unavailable,
}


@contextmanager
def translated(doing: str, *, hint: str = "") -> Iterator[None]:
    """Raise this package's errors for botocore's, saying what was being done.

    ``doing`` completes "Could not ...", such as ``"read the bucket raw-1"``.
    """
    try:
        yield
    except ClientError as error:
        detail = error.response.get("Error", {})
        code = str(detail.get("Code", ""))
        raise _BY_CODE.get(code, VisionmlError)(
            f"Could not {doing}: {code}: {detail.get('Message', '')}".rstrip(": ") + ".", hint=hint
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
