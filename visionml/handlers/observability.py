"""The logger, tracer and metrics that every handler uses, configured by its environment."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer

logger = Logger()
# Only AWS calls are traced: patching every library that happens to be installed would import it.
tracer = Tracer(patch_modules=("botocore",))
metrics = Metrics()

Event = dict[str, Any]
"""What Lambda hands to a handler and takes back: JSON as Python values."""
