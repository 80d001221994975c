"""S3 addresses are read and written in one form."""

import pytest

from visionml.aws.s3 import parse_uri, uri
from visionml.errors import InvalidInput


@pytest.mark.parametrize("key", ["a", "a/b.c", "", "folder/"])
def test_an_address_survives_parsing(key: str) -> None:
    assert parse_uri(uri("bucket", key)) == ("bucket", key)
    assert str(parse_uri(uri("bucket", key))) == uri("bucket", key)


@pytest.mark.parametrize("address", ["bucket/key", "s3:/bucket/key", "s3://", "https://b/k", ""])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(InvalidInput, match="not an S3 address"):
        parse_uri(address)
