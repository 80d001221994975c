"""Secrets in AWS Secrets Manager."""

from typing import Any

from visionml.aws.errors import translated


def read(client: Any, name: str) -> str:
    """Return a secret's text with a boto3 client of ``secretsmanager``.

    Raises
    ------
    NotFound
        There is no such secret.
    """
    with translated(f"read the secret {name}", hint="Deploy the stacks first: `visionml deploy`."):
        return str(client.get_secret_value(SecretId=name)["SecretString"])
