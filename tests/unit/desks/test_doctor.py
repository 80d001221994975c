"""The doctor's findings: each thing that a computer or an account can lack, and what to do."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from visionml.cli.main import app
from visionml.desks import doctor, machine_checks
from visionml.desks.machine_checks import Check, Facts, checks
from visionml.economics.capacity import Demand

GIB = 1024**3
FIT = Facts(
    python=(3, 12),
    modules=frozenset(
        {
            *("boto3", "pydantic", "numpy", "pandas", "matplotlib", "scipy", "rich", "pyvips"),
            *("aws_cdk", "ministack", "torch", "papermill"),
        }
    ),
    node=24,
    free_bytes=50 * GIB,
    memory_bytes=16 * GIB,
    loopback=True,
    writable=True,
    private_folders=True,
)


def found(facts: Facts) -> dict[str, Check]:
    return {check.name: check for check in checks(facts)}


def test_a_fit_computer_has_nothing_to_mend() -> None:
    assert {check.status for check in checks(FIT)} == {"ok"}


@pytest.mark.parametrize(
    ("change", "name", "status", "fix"),
    [
        ({"python": (3, 10)}, "Python", "failed", "Install Python 3.11, 3.12 or 3.13"),
        ({"python": (3, 14)}, "Python", "failed", "make install"),
        ({"modules": FIT.modules - {"boto3"}}, "packages", "failed", "pip install visionml"),
        ({"modules": FIT.modules - {"aws_cdk"}}, "extra infra", "warning", "visionml[infra]"),
        ({"modules": FIT.modules - {"ministack"}}, "extra local", "warning", "visionml[local]"),
        ({"node": None}, "Node.js", "warning", "install Node.js 22"),
        ({"node": 16}, "Node.js", "warning", "visionml[infra]"),
        ({"free_bytes": 3 * GIB}, "disk", "warning", "make clean"),
        ({"free_bytes": GIB // 2}, "disk", "failed", "1 GiB for the embedded AWS"),
        ({"memory_bytes": 2 * GIB}, "memory", "warning", "4 GiB"),
        ({"memory_bytes": None}, "memory", "unknown", ""),
        ({"loopback": False}, "ports", "failed", "127.0.0.1"),
        ({"writable": False}, "folder", "failed", "a folder of yours"),
        ({"private_folders": False}, "containers", "warning", "user namespaces"),
    ],
)
def test_what_is_missing_is_told_with_what_to_do(
    change: dict[str, Any], name: str, status: str, fix: str
) -> None:
    check = found(replace(FIT, **change))[name]
    assert check.status == status
    assert fix in check.fix
    others = [each for each in found(replace(FIT, **change)).values() if each.name != name]
    assert {each.status for each in others} == {"ok"}


def test_this_computer_can_be_looked_at(tmp_path: Path) -> None:
    looked = machine_checks.facts(tmp_path)
    assert looked.python == sys.version_info[:2]
    assert looked.writable
    assert looked.free_bytes > 0


def test_the_computer_is_looked_at_without_any_package(tmp_path: Path) -> None:
    """On a bare machine the standard library is all there is."""
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "from visionml.desks import doctor;"
        "from pathlib import Path;"
        "print([c.status for c in doctor.machine(Path('.')) if c.name == 'packages'])"
    )
    answer = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script, str(Path(__file__).parents[3])],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
        timeout=60,
    )
    assert (answer.stdout.strip(), answer.stderr) == ("['failed']", "")


def test_a_region_without_a_service_is_told_with_the_services_that_lack() -> None:
    every = frozenset(doctor.SERVICES)
    assert doctor.region("us-east-1", every).status == "ok"
    poor = doctor.region("eu-north-1", every - {"rekognition"})
    assert (poor.status, poor.found) == ("failed", "eu-north-1 lacks rekognition")


@pytest.mark.parametrize(("version", "status"), [(None, "failed"), (5, "failed"), (6, "ok")])
def test_an_account_is_prepared_or_says_the_command(version: int | None, status: str) -> None:
    check = doctor.bootstrap(version, "dev")
    assert check.status == status
    assert status == "ok" or "visionml deploy --environment dev --bootstrap" in check.fix


def test_a_quota_is_compared_with_the_tenfold_peak() -> None:
    demand = Demand("all functions", 10, 900, "at once", "quota", "lambda: Concurrent", 1000, "P")
    assert doctor.quota_check(demand, 1000).status == "ok"
    small = doctor.quota_check(demand, 100)
    assert (small.status, small.found) == (
        "warning",
        "100 at once; 900 needed at a tenfold peak",
    )


@pytest.fixture
def without_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


@pytest.mark.usefixtures("without_credentials")
def test_without_an_account_the_rest_is_told_as_not_checkable() -> None:
    answer = CliRunner().invoke(app, ["doctor", "-e", "dev", "--json"])
    assert answer.exit_code == 5
    told = json.loads(answer.stdout)
    account = {check["name"]: check for check in told["account"]}
    assert account["credentials"]["status"] == "failed"
    assert "aws configure" in account["credentials"]["fix"]
    assert account["region"]["status"] == "ok"
    for name in ("bootstrap", "service quotas"):
        assert account[name]["status"] == "unknown"
        assert account[name]["found"] == doctor.NOT_CHECKABLE
    assert told["ready"] is False


def test_for_this_computer_alone_no_account_is_asked() -> None:
    answer = CliRunner().invoke(app, ["doctor"])
    assert answer.exit_code == 0
    assert "This computer" in answer.stdout
    assert "The account" not in answer.stdout


def test_a_computer_that_is_not_fit_ends_with_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_checks, "facts", lambda _folder: replace(FIT, loopback=False))
    answer = CliRunner().invoke(app, ["doctor", "-e", "dev"])
    assert answer.exit_code == 10
    assert "Let programs listen on 127.0.0.1" in answer.stdout
