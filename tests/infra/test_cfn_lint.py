import json

import pytest
from cfnlint.api import lint  # type: ignore[import-untyped]
from cfnlint.config import ManualArgs  # type: ignore[import-untyped]

from tests.infra.conftest import STACKS, Synthesised

# the CDK itself makes functions and machines wait for the policies of their roles
ACCEPTED = ["W3005"]


@pytest.mark.parametrize("stack", STACKS)
def test_cloudformation_would_accept_the_template(prod: Synthesised, stack: str) -> None:
    options = ManualArgs(regions=[prod.settings.region], ignore_checks=ACCEPTED)
    found = lint(json.dumps(prod.templates[stack]), config=options)

    assert [str(each) for each in found] == []


def test_cfn_lint_notices_a_fault() -> None:
    template = {"Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"Nmae": "x"}}}}

    assert lint(json.dumps(template), config=ManualArgs(regions=["us-east-1"]))
