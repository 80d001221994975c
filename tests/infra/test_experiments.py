"""What experiments are deployed with: sticky callers, kept answers, a challenger that scales."""

import json
from typing import Any

from tests.fakes.cloudformation import text
from tests.infra.conftest import Synthesised
from visionml.contracts.experiments import CALLER_HEADER
from visionml.contracts.names import Names
from visionml.contracts.scaling import ScalingRules


def function(found: Synthesised, module: str) -> dict[str, Any]:
    (known,) = [
        each
        for each in found.properties("AWS::Lambda::Function")
        if each.get("Handler") == f"visionml.handlers.{module}.handler"
    ]
    return known


def targets(found: Synthesised, module: str) -> list[dict[str, Any]]:
    """Return the rules that run a handler."""
    name = "".join(word.capitalize() for word in module.split("_"))
    return [
        rule
        for rule in found.properties("AWS::Events::Rule")
        if text(rule["Targets"][0]["Arn"]).startswith(f"<Handlers{name}")
    ]


def test_answers_are_kept_from_the_events_stream_in_large_batches(environment: Synthesised) -> None:
    names = Names.of(environment.settings)
    (mapping,) = [
        each
        for each in environment.properties("AWS::Lambda::EventSourceMapping")
        if text(each["EventSourceArn"]).endswith(f"stream/{names.events_stream}")
    ]
    assert text(mapping["FunctionName"]).startswith("<HandlersAnswerKeeper")
    assert (mapping["BatchSize"], mapping["MaximumBatchingWindowInSeconds"]) == (100, 1)
    assert mapping["BisectBatchOnFunctionError"] is True


def test_the_challenger_scales_by_the_rules_of_the_champion(environment: Synthesised) -> None:
    (target,) = environment.properties("AWS::ApplicationAutoScaling::ScalableTarget")
    (policy,) = environment.properties("AWS::ApplicationAutoScaling::ScalingPolicy")
    given = function(environment, "challenger_scaler")["Environment"]["Variables"]["RULES"]
    rules = ScalingRules.model_validate_json(given)
    config = policy["TargetTrackingScalingPolicyConfiguration"]
    assert rules.policy_name == policy["PolicyName"]
    assert (rules.minimum, rules.maximum) == (target["MinCapacity"], target["MaxCapacity"])
    assert rules.invocations_per_instance == config["TargetValue"]
    assert (rules.scale_in_cooldown_seconds, rules.scale_out_cooldown_seconds) == (
        config["ScaleInCooldown"],
        config["ScaleOutCooldown"],
    )
    scheduled = [
        (each["ScheduledActionName"], each["Schedule"], each["ScalableTargetAction"])
        for each in target.get("ScheduledActions", [])
    ]
    assert scheduled == [
        (each.name, each.schedule, {"MinCapacity": each.minimum, "MaxCapacity": each.maximum})
        for each in rules.schedule()
    ]


def test_the_challenger_is_looked_at_when_deployments_end_and_by_the_clock(
    environment: Synthesised,
) -> None:
    ended, regularly = sorted(
        targets(environment, "challenger_scaler"), key=lambda rule: "ScheduleExpression" in rule
    )
    (machine,) = ended["EventPattern"]["detail"]["stateMachineArn"]
    assert text(machine).endswith(Names.of(environment.settings).deployment_machine)
    assert "RUNNING" not in ended["EventPattern"]["detail"]["status"]
    assert regularly["ScheduleExpression"] == "rate(1 hour)"


def test_callers_with_a_name_do_not_share_answers_that_are_kept(prod: Synthesised) -> None:
    (inference,) = [
        each
        for each in prod.properties("AWS::ApiGateway::Method")
        if each.get("Integration", {}).get("CacheKeyParameters")
    ]
    keys = inference["Integration"]["CacheKeyParameters"]
    assert f"method.request.header.{CALLER_HEADER}" in keys


def test_who_predicts_may_look_at_the_weights_where_callers_keep_their_variant(
    environment: Synthesised,
) -> None:
    for module in ("inference_adapter", "prediction_consumer"):
        variables = function(environment, module)["Environment"]["Variables"]
        assert variables["ASSIGNMENT"] == environment.settings.serving.assignment == "sticky"


def test_a_truth_is_posted_with_a_label_and_a_key(environment: Synthesised) -> None:
    (posted,) = [
        each
        for each in environment.properties("AWS::ApiGateway::Method")
        if "HandlersGroundTruth" in json.dumps(each.get("Integration", {}))
    ]
    (model,) = [
        each
        for each in environment.properties("AWS::ApiGateway::Model")
        if each.get("Name") == "Truth"
    ]
    assert (posted["HttpMethod"], posted["ApiKeyRequired"]) == ("POST", True)
    assert model["Schema"]["required"] == ["label"]
    assert model["Schema"]["additionalProperties"] is False
