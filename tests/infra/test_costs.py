"""The bill of the stacks themselves."""

import json
from pathlib import Path

from typer.testing import CliRunner

from tests.infra.conftest import Synthesised
from visionml.cli.main import app
from visionml.economics import template
from visionml.economics.estimate import estimate
from visionml.economics.switches import Case, savings


def bill(environment: Synthesised) -> Case:
    return Case(environment.settings, template.read(environment.folder))


def test_every_resource_of_every_environment_is_priced_or_free_with_a_reason(
    environment: Synthesised,
) -> None:
    assert bill(environment).estimate().unpriced == ()


def test_other_settings_leave_nothing_without_a_price(overridden: Synthesised) -> None:
    assert bill(overridden).estimate().unpriced == ()


def test_every_stack_is_on_the_bill(prod: Synthesised) -> None:
    costs = {line.stack for line in bill(prod).estimate().lines}
    assert set(template.read(prod.folder)) <= costs


def test_production_costs_more_than_development_and_most_for_its_images(
    prod: Synthesised, local: Synthesised
) -> None:
    month = bill(prod).estimate()
    assert month.usd > bill(local).estimate().usd
    assert month.range_usd[0] < month.usd < month.range_usd[1]
    images = sum(line.usd for line in month.lines if line.driver == "images")
    assert images > month.usd / 2


def test_a_day_without_work_costs_what_stands(prod: Synthesised) -> None:
    idle = prod.settings.model_copy(update={"images_per_day": 1, "predictions_per_day": 1})
    quiet = estimate(idle, template.read(prod.folder))
    assert 300 < quiet.usd < 1500
    standing = sum(line.usd for line in quiet.lines if line.driver == "standing")
    assert standing > quiet.usd / 2


def test_every_switch_that_the_environment_has_says_so(prod: Synthesised) -> None:
    found = {saving.switch: saving for saving in savings(bill(prod))}
    on = {name for name, saving in found.items() if saving.on}
    assert on == {"api-cache", "graviton-functions", "night-scaling", "s3-tiers", "spot-batch"}
    assert found["s3-tiers"].saves_usd > 1000
    assert found["public-network"].saves_usd > 100


def test_the_command_prints_the_bill_of_written_templates(prod: Synthesised) -> None:
    arguments = ["cost", "-e", "prod", "--templates", str(prod.folder)]
    answer = CliRunner().invoke(app, [*arguments, "--json"])
    assert answer.exit_code == 0
    told = json.loads(answer.stdout)
    assert abs(sum(row["usd"] for row in told["by_stack"]) - told["monthly_usd"]) < 0.1
    assert told["low_usd"] < told["monthly_usd"] < told["high_usd"]
    assert told["unpriced"] == []
    text = CliRunner().invoke(app, [*arguments, "--details"])
    assert "What each switch saves" in text.stdout
    assert "image_megabytes" in text.stdout


def test_the_command_ends_with_1_when_something_has_no_price(
    tmp_path: Path,
) -> None:
    resources = {"It": {"Type": "AWS::NewService::Thing"}}
    (tmp_path / "New.template.json").write_text(json.dumps({"Resources": resources}))
    answer = CliRunner().invoke(app, ["cost", "-e", "prod", "--templates", str(tmp_path)])
    assert answer.exit_code == 1
    assert "Not priced, and not in the sum:\nNew/It  AWS::NewService::Thing" in answer.stdout
