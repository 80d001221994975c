"""The function of the intake tests: as the platform's receiver, it reads what a queue tells of."""

import json
import os
import time
from typing import Any

import boto3

S3, TABLE = boto3.client("s3"), boto3.resource("dynamodb").Table(os.environ["TABLE"])
STATES, SECRETS = boto3.client("stepfunctions"), boto3.client("secretsmanager")
MEETING_SECONDS = 60


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Record each object; those called poison are reported as failed."""
    failed = []
    for record in event["Records"]:
        detail = json.loads(record["body"])["detail"]
        if "poison" in detail["object"]["key"]:
            failed.append({"itemIdentifier": record["messageId"]})
        else:
            taken(detail)
    return {"batchItemFailures": failed}


def taken(detail: dict[str, Any]) -> None:
    """Read the version that the event names, and record it."""
    place = {"Bucket": detail["bucket"]["name"], "Key": detail["object"]["key"]}
    version = detail["object"]["version-id"]
    found = S3.get_object(**place, VersionId=version)
    if "meet" in place["Key"]:
        meet()
    secret = SECRETS.get_secret_value(SecretId=os.environ["SECRET"])["SecretString"]
    order = {"id": version, "fail": "fail" in place["Key"]}
    started = STATES.start_execution(
        stateMachineArn=os.environ["MACHINE"], name=version, input=json.dumps(order)
    )
    item = {
        "ImageID": version,
        "Timestamp": "2026-01-01T00:00:00Z",
        "ProcessingStatus": "accepted",
        "Text": found["Body"].read().decode(),
        "SecretLength": len(secret),
        "Execution": started["executionArn"],
        "Event": json.dumps(detail),
        "Expires": int(time.time()) + 3600,
    }
    TABLE.put_item(Item=item)


def meet() -> None:
    """Wait until two run at once, and count how many ever do."""
    key = {"ImageID": "running", "Timestamp": "-"}

    def change(by: int) -> Any:
        return TABLE.update_item(
            Key=key,
            UpdateExpression="ADD Running :by",
            ExpressionAttributeValues={":by": by},
            ReturnValues="ALL_NEW",
        )["Attributes"]["Running"]

    running = change(1)
    TABLE.put_item(Item={"ImageID": f"seen-{running}", "Timestamp": "-"})
    deadline = time.monotonic() + MEETING_SECONDS
    while "Item" not in TABLE.get_item(Key={"ImageID": "seen-2", "Timestamp": "-"}):
        if time.monotonic() > deadline:
            raise TimeoutError("nobody came")
        time.sleep(0.05)
    change(-1)
