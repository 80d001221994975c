"""pyproject.toml, requirements.lock and environment.yml say the same."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = {name: reqs for name, reqs in PROJECT["optional-dependencies"].items() if name != "all"}
DECLARED = [*PROJECT["dependencies"], *(r for reqs in EXTRAS.values() for r in reqs)]
LOCK = [
    line
    for line in (ROOT / "requirements.lock").read_text().splitlines()
    if line and not line.startswith("#")
]
PINS = {str(canonicalize_name(n)): v for n, v in (line.split("==") for line in LOCK)}


def test_the_lock_holds_plain_pins_only() -> None:
    assert [
        line for line in LOCK if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line)
    ] == []


def test_the_lock_pins_torch_for_every_platform() -> None:
    assert PINS["torch"] == "2.13.0"


@pytest.mark.parametrize("declared", DECLARED)
def test_the_lock_fulfils_what_the_project_declares(declared: str) -> None:
    requirement = Requirement(declared)
    assert requirement.specifier.contains(PINS[canonicalize_name(requirement.name)])


def test_the_extra_all_is_all() -> None:
    (whole,) = PROJECT["optional-dependencies"]["all"]
    assert Requirement(whole).extras == set(EXTRAS)


def test_conda_installs_what_the_project_declares() -> None:
    *conda, pip = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    assert conda == ["python=3.12", "nodejs>=22", "pip"]
    *packages, project = pip["pip"]
    assert project == "-e ."
    assert sorted(packages) == sorted(set(DECLARED))
