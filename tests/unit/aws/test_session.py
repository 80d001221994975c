"""Sessions for other libraries reach the same place as the platform's own clients."""

import boto3
import pytest

from visionml.aws.session import Aws
from visionml.errors import AccessDenied

SESSION = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="eu-west-1")


def test_a_library_that_names_another_address_still_goes_where_our_clients_go() -> None:
    made = Aws(SESSION, endpoint_url="https://127.0.0.1:1").boto_session()
    assert made.client("sagemaker").meta.endpoint_url == "https://127.0.0.1:1"
    fixed = made.client("sts", endpoint_url="https://sts.eu-west-1.amazonaws.com")
    assert fixed.meta.endpoint_url == "https://127.0.0.1:1"
    assert made.resource("s3").meta.client.meta.endpoint_url == "https://127.0.0.1:1"


def test_in_an_account_a_library_goes_where_it_wants() -> None:
    made = Aws(SESSION).boto_session()
    fixed = made.client("sts", endpoint_url="https://sts.eu-west-1.amazonaws.com")
    assert fixed.meta.endpoint_url == "https://sts.eu-west-1.amazonaws.com"
    assert made.region_name == "eu-west-1"


def test_who_signs_requests_itself_gets_the_credentials_in_use_now() -> None:
    found = Aws(SESSION).credentials()
    assert (found.access_key, found.secret_key) == ("a", "b")


def test_without_credentials_nothing_is_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    session = boto3.Session(region_name="eu-west-1")
    monkeypatch.setattr(session, "get_credentials", lambda: None)
    with pytest.raises(AccessDenied, match="no AWS credentials"):
        Aws(session).credentials()


def test_the_authorities_that_clients_trust_are_named_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", "/of/the/environment.pem")
    assert Aws(SESSION).ca_bundle == "/of/the/environment.pem"
    assert Aws(SESSION, ca_bundle="/given.pem").ca_bundle == "/given.pem"
    monkeypatch.delenv("AWS_CA_BUNDLE")
    assert Aws(SESSION).ca_bundle is None
