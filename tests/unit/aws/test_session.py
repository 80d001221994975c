"""Sessions for other libraries reach the same place as the platform's own clients."""

import boto3

from visionml.aws.session import Aws

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
