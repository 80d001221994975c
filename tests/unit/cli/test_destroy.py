"""What `visionml destroy` asks, tells and ends with; a stand-in of the desk deletes nothing."""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from visionml import workbench
from visionml.cli.main import app
from visionml.contracts import settings
from visionml.contracts.settings import Settings
from visionml.desks.stacks import Stacks

NONE = pd.DataFrame(columns=pd.Index(["kind", "name"]))


@dataclass
class Account:
    account: str = "123456789012"


@dataclass
class Platform:
    settings: Settings


@dataclass
class Desk:
    """Stands in for the stacks of an environment."""

    settings: Settings
    remains: pd.DataFrame
    destroyed: int = 0

    def destroy(self, *, on_progress: Any) -> pd.DataFrame:
        self.destroyed += 1
        return NONE

    def remaining(self) -> pd.DataFrame:
        return self.remains

    def unexpected(self, remaining: pd.DataFrame) -> pd.DataFrame:
        platform: Any = Platform(self.settings)
        nobody: Any = None
        return Stacks(platform, nobody).unexpected(remaining)


@dataclass
class Opened:
    """Stands in for a session."""

    settings: Settings
    stacks: Desk
    aws: Account = field(default_factory=Account)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    prod = settings.load("prod")
    made = Opened(prod, Desk(prod, NONE))
    monkeypatch.setattr(workbench, "open", lambda _environment: made)
    return made


def run(*arguments: str, typed: str = "") -> Any:
    return CliRunner().invoke(app, ["destroy", "-e", "prod", *arguments], input=typed)


def test_the_projects_name_has_to_be_typed(opened: Opened) -> None:
    answer = run(typed="visionml\n")
    assert answer.exit_code == 0
    assert opened.stacks.destroyed == 1
    assert "in the account 123456789012; its data is kept" in answer.output
    assert "Nothing else is left that costs money." in answer.output


@pytest.mark.parametrize("typed", ["yes\n", "y\n", "Visionml\n", ""])
def test_anything_else_deletes_nothing(opened: Opened, typed: str) -> None:
    answer = run(typed=typed)
    assert answer.exit_code != 0
    assert opened.stacks.destroyed == 0


def test_yes_asks_nothing(opened: Opened) -> None:
    assert run("--yes").exit_code == 0
    assert opened.stacks.destroyed == 1


def test_retained_data_is_told_and_is_no_failure(opened: Opened) -> None:
    opened.stacks.remains = pd.DataFrame({"kind": ["bucket", "key"], "name": ["raw", "alias/raw"]})
    answer = run("--yes")
    assert answer.exit_code == 0
    assert "Retained on purpose, and still paid for (2)" in answer.output


def test_a_forgotten_endpoint_is_a_failure(opened: Opened) -> None:
    opened.stacks.remains = pd.DataFrame({"kind": ["endpoint", "table"], "name": ["it", "lineage"]})
    answer = run("--yes", "--json")
    assert answer.exit_code == 1
    assert '"unexpected": [\n    {\n      "kind": "endpoint"' in answer.stdout
