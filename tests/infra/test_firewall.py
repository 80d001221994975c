"""The firewall in front of the API."""

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template
from aws_cdk.aws_apigateway import RestApi

from tests.infra.conftest import Synthesised
from visionml.cdk.units.firewall import Firewall
from visionml.contracts.settings import FirewallSettings


@pytest.mark.parametrize("stack", ["Serving", "Intake"])
def test_an_api_s_stage_stands_behind_its_firewall(environment: Synthesised, stack: str) -> None:
    (acl,) = environment.resources("AWS::WAFv2::WebACL", stack=stack)
    (stage,) = environment.resources("AWS::ApiGateway::Stage", stack=stack)
    (association,) = environment.properties("AWS::WAFv2::WebACLAssociation", stack=stack)
    assert association["WebACLArn"] == {"Fn::GetAtt": [acl.split("/")[1], "Arn"]}
    assert {"Ref": stage.split("/")[1]} in association["ResourceArn"]["Fn::Join"][1]


@pytest.mark.parametrize("stack", ["Serving", "Intake"])
def test_bodies_are_not_searched_for_text_and_no_sample_holds_a_key(
    environment: Synthesised, stack: str
) -> None:
    (acl,) = environment.properties("AWS::WAFv2::WebACL", stack=stack)
    groups = [
        rule["Statement"]["ManagedRuleGroupStatement"]
        for rule in acl["Rules"]
        if "ManagedRuleGroupStatement" in rule["Statement"]
    ]
    common = next(group for group in groups if group["Name"].endswith("CommonRuleSet"))
    counted = {rule["Name"] for rule in common["RuleActionOverrides"]}
    assert len(groups) == 3
    assert "SizeRestrictions_BODY" in counted
    assert all(name.endswith("_BODY") for name in counted)
    assert all(rule["ActionToUse"] == {"Count": {}} for rule in common["RuleActionOverrides"])
    shown = [acl["VisibilityConfig"], *(rule["VisibilityConfig"] for rule in acl["Rules"])]
    assert not any(each["SampledRequestsEnabled"] for each in shown)


def test_the_settings_bound_a_caller_and_shut_countries_out() -> None:
    stack = Stack(App(), "Stack")
    api = RestApi(stack, "Api")
    api.root.add_method("GET")
    settings = FirewallSettings(requests_per_address=500, blocked_countries=("AQ",))
    Firewall(stack, "Firewall", settings=settings, name="wall", stage=api.deployment_stage)
    (acl,) = Template.from_stack(stack).find_resources("AWS::WAFv2::WebACL").values()
    rate, countries = acl["Properties"]["Rules"][-2:]
    assert rate["Statement"]["RateBasedStatement"]["Limit"] == 500
    assert countries["Statement"]["GeoMatchStatement"] == {"CountryCodes": ["AQ"]}
    assert rate["Action"] == countries["Action"] == {"Block": {}}


@pytest.mark.parametrize("wrong", [{"requests_per_address": 5}, {"blocked_countries": "Spain"}])
def test_what_waf_would_refuse_is_no_setting(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        FirewallSettings.model_validate(wrong)
