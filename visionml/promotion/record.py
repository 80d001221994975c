"""What a deployment came to: looked up on the endpoint, never assumed from its steps."""

from datetime import UTC, datetime

from pydantic import JsonValue

from visionml.aws.endpoint import EndpointState
from visionml.aws.executions import readable
from visionml.contracts.deployment import (
    DeploymentOutcome,
    DeploymentPlan,
    DeploymentReport,
    DeploymentRequest,
    OutcomeName,
)
from visionml.contracts.lineage import Edge, Node, deployment_node, model_node
from visionml.promotion.baseline import Baselines
from visionml.registry.lineage import Lineage
from visionml.registry.versions import Versions


def begin(lineage: Lineage, request: DeploymentRequest) -> None:
    """Write that a deployment is under way; one that has ended stays as it is."""
    lineage.ensure(
        Node(
            id=deployment_node(request.deployment_id),
            status="running",
            timestamp=datetime.now(UTC),
            facts=request.model_dump(mode="json"),
        )
    )


def record(
    report: DeploymentReport,
    *,
    endpoint: EndpointState | None,
    versions: Versions,
    lineage: Lineage,
    baselines: Baselines,
    now: datetime | None = None,
) -> DeploymentOutcome:
    """Judge a deployment by what serves and write it down.

    The order is: outcome, then the drift baseline, then active-version; the last two after a
    promotion only. `endpoint` is None when there is no such endpoint. Recording twice changes
    nothing more.
    """
    name, reason = judge(report, endpoint)
    request, plan = report.request, report.plan
    before = versions.active()
    serves = name == "promoted" or (plan is not None and plan.serves_already and not report.failure)
    outcome = DeploymentOutcome(
        outcome=name,
        deployment_id=request.deployment_id,
        kind=request.kind,
        model_version=request.model_version,
        challenger_version=request.challenger_version,
        shadow_version=request.shadow_version,
        active_version=request.model_version if serves else before,
        previous_version=before,
        endpoint_config_name=endpoint.config_name if endpoint else None,
        reason=reason,
        step=report.failure.step if report.failure else None,
        strategy=plan.strategy if plan and not plan.serves_already else None,
        unarmed_alarms=plan.unarmed_alarms if plan else (),
        seconds=round(((now or datetime.now(UTC)) - report.started).total_seconds(), 3),
    )
    outcome = _remember(lineage, outcome, report)
    if serves and plan:
        if name == "promoted":
            baselines.write(plan)
        versions.activate(request.model_version)
    return outcome


def judge(report: DeploymentReport, endpoint: EndpointState | None) -> tuple[OutcomeName, str]:
    """Return the outcome and the reason for it."""
    error, plan = _told(report), report.plan
    if plan is None:
        return "unchanged", f"The deployment was refused: {error}"
    if endpoint is None:
        return "failed", f"There is no endpoint {plan.endpoint_name}: {error}"
    serves = f"{endpoint.name} serves {endpoint.config_name}"
    if _touched(report, endpoint):
        return _judge_update(plan, endpoint, serves=serves, error=error)
    if report.failure is None:
        return "unchanged", f"{serves}, which is the version {plan.model_version} already."
    return "unchanged", f"{serves} as before: {error}"


def _judge_update(
    plan: DeploymentPlan, endpoint: EndpointState, *, serves: str, error: str
) -> tuple[OutcomeName, str]:
    if not endpoint.in_service:
        reason = endpoint.failure or error
        return "failed", f"The endpoint {endpoint.name} is {endpoint.status}: {reason}"
    if endpoint.config_name == plan.endpoint_config_name:
        return "promoted", " ".join(
            (f"{serves} with the version {plan.model_version}.", *plan.remarks)
        )
    if endpoint.config_name != plan.previous_config_name:
        return "failed", f"{serves}, which this deployment did not ask for."
    return "rolled_back", f"{serves} as before: {endpoint.failure or error}"


def _touched(report: DeploymentReport, endpoint: EndpointState) -> bool:
    """Tell whether the update began; a call that timed out may have been heard all the same."""
    if report.updated or (report.plan and endpoint.config_name == report.plan.endpoint_config_name):
        return True
    unheard = report.failure is not None and report.failure.step == "UpdateEndpoint"
    return unheard and not endpoint.in_service


def _told(report: DeploymentReport) -> str:
    failure = report.failure
    if failure is None:
        return "no reason given"
    error = ": ".join(filter(None, (failure.error, readable(failure.cause))))
    return f"{error} (at the step {failure.step})"


def _remember(
    lineage: Lineage, outcome: DeploymentOutcome, report: DeploymentReport
) -> DeploymentOutcome:
    """Write the deployment's node and edge, and what it means for the models.

    Returns the outcome with the previous version that was written first: on a second recording
    active-version has moved already.
    """
    node = deployment_node(outcome.deployment_id)
    known = lineage.find(node)
    if known and known.status == outcome.outcome and "previous_version" in known.facts:
        before = known.facts["previous_version"]
        outcome = outcome.model_copy(update={"previous_version": before})
    facts: dict[str, JsonValue] = outcome.model_dump(mode="json", exclude={"outcome"})
    facts["staging"] = report.staging.model_dump(mode="json") if report.staging else None
    facts["missed_probes"] = report.missed_probes
    if report.plan:
        facts["armed_alarms"] = list(report.plan.armed_alarms)
        facts["remarks"] = list(report.plan.remarks)
    lineage.update(node, status=outcome.outcome, facts=facts)
    model, before = model_node(outcome.model_version), outcome.previous_version
    if lineage.find(model) is None:
        return outcome
    lineage.link(Edge(source=model, relation="deployed_as", target=node))
    if outcome.outcome == "promoted":
        lineage.update(model, status="serving", facts={"deployment": outcome.deployment_id})
        if before and before != outcome.model_version and lineage.find(model_node(before)):
            lineage.update(model_node(before), status="retired", facts={})
    return outcome
