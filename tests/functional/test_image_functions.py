"""Functions from images on the embedded AWS."""

import json

from visionml.aws.session import Aws

_IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/gone:1"
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


def test_a_function_whose_image_is_gone_says_so(aws: Aws) -> None:
    role = aws.client("iam").create_role(
        RoleName="image-function", AssumeRolePolicyDocument=json.dumps(_TRUST)
    )
    functions = aws.client("lambda")
    functions.create_function(
        FunctionName="image-function",
        PackageType="Image",
        Code={"ImageUri": _IMAGE},
        Role=role["Role"]["Arn"],
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="image-function")
    answer = functions.invoke(FunctionName="image-function", Payload=b"{}")
    error = json.loads(answer["Payload"].read())
    assert answer["FunctionError"] == "Unhandled"
    assert error["errorType"] == "Runtime.InvalidEntrypoint"
    assert "gone:1 does not exist" in error["errorMessage"]
