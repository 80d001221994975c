"""botocore's errors become this package's errors, by code and by sentence."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from visionml.aws.errors import translated
from visionml.errors import (
    AccessDenied,
    Conflict,
    InvalidInput,
    NotFound,
    Unavailable,
    VisionmlError,
)


def refused(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "DescribeThing")


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        ("NoSuchKey", "The specified key does not exist.", NotFound),
        ("AccessDenied", "no identity-based policy allows it", AccessDenied),
        ("ConditionalCheckFailedException", "The conditional request failed", Conflict),
        ("ThrottlingException", "Rate exceeded", Unavailable),
        ("ValidationException", "1 validation error detected", InvalidInput),
        ("ValidationException", 'Could not find endpoint "e".', NotFound),
        ("ValidationException", "Cannot create already existing model", Conflict),
        ("ValidationException", "Cannot update in-progress endpoint", Conflict),
        ("ValidationError", "Stack with id s does not exist", NotFound),
        ("SomethingNew", "?", VisionmlError),
    ],
)
def test_a_refusal_is_translated_by_its_code_and_sentence(
    code: str, message: str, expected: type[VisionmlError]
) -> None:
    with pytest.raises(VisionmlError) as caught, translated("do it"):
        raise refused(code, message)
    assert type(caught.value) is expected
    assert str(caught.value).startswith(f"Could not do it: {code}: {message[:10]}"[:30])


def test_the_original_error_stays_attached() -> None:
    original = refused("AccessDenied", "no")
    with pytest.raises(AccessDenied) as caught, translated("do it", hint="Ask."):
        raise original
    assert caught.value.__cause__ is original
    assert str(caught.value) == "Could not do it: AccessDenied: no. Ask."


def test_missing_credentials_are_denied_access() -> None:
    with pytest.raises(AccessDenied, match="no AWS credentials"), translated("do it"):
        raise NoCredentialsError


def test_an_unreachable_endpoint_is_unavailable() -> None:
    with pytest.raises(Unavailable), translated("do it"):
        raise EndpointConnectionError(endpoint_url="https://localhost:1")


def test_a_missing_bucket_says_what_to_do_unless_the_caller_knows_better() -> None:
    with pytest.raises(NotFound) as caught, translated("list s3://b/"):
        raise refused("NoSuchBucket", "The specified bucket does not exist")
    assert "visionml deploy" in caught.value.hint

    with pytest.raises(NotFound) as told, translated("list s3://b/", hint="Ask."):
        raise refused("NoSuchBucket", "The specified bucket does not exist")
    assert told.value.hint == "Ask."
