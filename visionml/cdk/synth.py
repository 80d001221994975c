"""Templates and assets of one environment, written to a folder: no account, Docker or network."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from visionml.cdk import guard, node
from visionml.contracts.settings import Settings
from visionml.errors import InvalidInput

if TYPE_CHECKING:
    from aws_cdk.cx_api import CloudAssembly

_CDK_JSON = Path(__file__).parents[2] / "infra" / "cdk.json"


def synthesise(
    settings: Settings, outdir: Path, *, validate: bool = False, guarded: bool = True
) -> "CloudAssembly":
    """Write the cloud assembly of an environment and return it.

    ``validate`` checks the constructs against cdk-nag's AwsSolutions rules as well; ``guarded``
    refuses what the guardrail checks find.

    Raises
    ------
    InvalidInput
        A construct breaks a rule without a stated reason, or a guardrail check found something;
        the message holds the report.
    """
    node.choose()
    from visionml.cdk.app import build  # noqa: PLC0415 - aws_cdk starts Node.js when imported

    context = json.loads(_CDK_JSON.read_text(encoding="utf-8"))["context"]
    app = build(settings, outdir=outdir, context=context, validate=validate)
    try:
        assembly = app.synth()
    except RuntimeError as error:
        if not validate:
            raise
        raise InvalidInput(
            f"The stacks of {settings.environment} do not pass validation: {error}.",
            hint="Mend the construct, or acknowledge the finding with a true reason.",
        ) from error
    if guarded:
        guard.refuse(settings, outdir)
    return assembly
