"""The web application firewall in front of an API."""

from typing import Any

from aws_cdk.aws_apigateway import Stage
from aws_cdk.aws_wafv2 import CfnWebACL, CfnWebACLAssociation
from constructs import Construct

from visionml.contracts.settings import FirewallSettings

_MANAGED = {
    "AWSManagedRulesAmazonIpReputationList": (),
    "AWSManagedRulesKnownBadInputsRuleSet": (),
    # An image's bytes are no text: what looks for patterns in bodies, or for more than 8 kB of
    # them, would refuse images at random. It is counted instead.
    "AWSManagedRulesCommonRuleSet": (
        "SizeRestrictions_BODY",
        "CrossSiteScripting_BODY",
        "EC2MetaDataSSRF_BODY",
        "GenericLFI_BODY",
        "GenericRFI_BODY",
    ),
}
"""AWS's rule groups, and those of their rules that only count
(docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html)."""


class Firewall(Construct):
    """Turns away known attackers, callers in a hurry, and countries, before API Gateway looks.

    No samples of requests are kept: they would hold API keys.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        settings: FirewallSettings,
        name: str,
        stage: Stage,
    ) -> None:
        super().__init__(scope, id)
        rules = [_managed(name, counted) for name, counted in _MANAGED.items()]
        rules.append(
            _blocked(
                "TooManyRequests",
                {
                    "rate_based_statement": CfnWebACL.RateBasedStatementProperty(
                        aggregate_key_type="IP",
                        limit=settings.requests_per_address,
                        evaluation_window_sec=300,
                    )
                },
            )
        )
        if settings.blocked_countries:
            countries = CfnWebACL.GeoMatchStatementProperty(
                country_codes=list(settings.blocked_countries)
            )
            rules.append(_blocked("Countries", {"geo_match_statement": countries}))
        self.acl = CfnWebACL(
            self,
            "Acl",
            name=name,
            scope="REGIONAL",
            default_action=CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=_visible(name),
            rules=[
                CfnWebACL.RuleProperty(priority=number, **rule) for number, rule in enumerate(rules)
            ],
        )
        CfnWebACLAssociation(
            self, "Association", resource_arn=stage.stage_arn, web_acl_arn=self.acl.attr_arn
        )


def _managed(name: str, counted: tuple[str, ...]) -> dict[str, Any]:
    group = CfnWebACL.ManagedRuleGroupStatementProperty(
        vendor_name="AWS",
        name=name,
        rule_action_overrides=[
            CfnWebACL.RuleActionOverrideProperty(
                name=rule, action_to_use=CfnWebACL.RuleActionProperty(count={})
            )
            for rule in counted
        ],
    )
    return {
        "name": name,
        "statement": CfnWebACL.StatementProperty(managed_rule_group_statement=group),
        "override_action": CfnWebACL.OverrideActionProperty(none={}),
        "visibility_config": _visible(name),
    }


def _blocked(name: str, statement: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "statement": CfnWebACL.StatementProperty(**statement),
        "action": CfnWebACL.RuleActionProperty(block={}),
        "visibility_config": _visible(name),
    }


def _visible(name: str) -> CfnWebACL.VisibilityConfigProperty:
    return CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=False
    )
