"""The functions that watch answers: when they are called, what they may do, what trains anew."""

from typing import Any

from tests.fakes.cloudformation import text
from tests.infra.conftest import Synthesised
from tests.infra.test_handlers import image_functions, variables
from visionml.contracts.environment import BaselineMakerEnvironment, DriftWatcherEnvironment
from visionml.contracts.names import Names
from visionml.contracts.settings import DriftSettings

WATCHER = "visionml.monitoring.drift_watcher.handler"
MAKER = "visionml.monitoring.baseline_maker.handler"


def rules(found: Synthesised, stack: str) -> dict[str, dict[str, Any]]:
    """Return the rules of a stack by the middle of their names."""
    names = Names.of(found.settings)
    made = {each["Name"]: each for each in found.properties("AWS::Events::Rule", stack=stack)}
    ending = names.name("").removeprefix(names.prefix + "-")
    return {
        name.removeprefix(f"{names.prefix}-").removesuffix(ending): each
        for name, each in made.items()
    }


def test_answers_are_looked_at_every_hour(environment: Synthesised) -> None:
    assert rules(environment, "Drift")["drift"]["ScheduleExpression"] == "rate(1 hour)"


def test_baselines_are_made_once_a_rollout_has_ended_well_and_where_one_is_missing(
    environment: Synthesised,
) -> None:
    found = rules(environment, "Drift")
    assert found["baseline"]["EventPattern"] == {
        "source": ["visionml.deployment"],
        "detail-type": ["Deployment Ended"],
        "detail": {"outcome": ["promoted"]},
    }
    assert found["baseline-missing"]["EventPattern"]["detail-type"] == ["Baseline Missing"]


def test_the_functions_variables_are_what_their_records_read(environment: Synthesised) -> None:
    found = image_functions(environment)
    settings = environment.settings
    maker = BaselineMakerEnvironment.read(variables(found[MAKER]))
    watcher = DriftWatcherEnvironment.read(variables(found[WATCHER]))
    assert maker.baseline_images == settings.drift.baseline_images
    assert DriftSettings.model_validate_json(watcher.drift) == settings.drift
    assert watcher.delay_seconds >= settings.analytics.buffer_seconds
    for record, handler in ((maker, MAKER), (watcher, WATCHER)):
        assert record.variables() == variables(found[handler])
        assert found[handler]["Timeout"] == 900


def test_training_follows_drift_only_where_the_settings_say_so(
    environment: Synthesised, overridden: Synthesised
) -> None:
    assert "training-drift" not in rules(environment, "Training")
    rule = rules(overridden, "Training")["training-drift"]
    assert rule["EventPattern"] == {
        "source": ["visionml.monitoring"],
        "detail-type": ["Drift Detected"],
    }


def test_who_watches_reads_numbers_and_no_image(environment: Synthesised) -> None:
    policies = environment.properties("AWS::IAM::Policy", stack="Drift")
    resources = {
        text(resource)
        for policy in policies
        for statement in policy["PolicyDocument"]["Statement"]
        if any("s3:GetObject" in action for action in _list(statement["Action"]))
        for resource in _list(statement["Resource"])
    }
    kinds = {each.split(":::", 1)[1].split("-local")[0].split("/")[0] for each in resources}
    assert not any("raw" in kind or "images" in kind for kind in kinds)
    assert all(each.endswith("/*") for each in resources)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
