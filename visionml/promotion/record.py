"""What a deployment came to: looked up on the endpoint, never assumed from its steps."""

from pydantic import JsonValue

from visionml.aws.endpoint import EndpointState
from visionml.aws.executions import readable
from visionml.contracts.deployment import DeploymentOutcome, DeploymentReport, OutcomeName
from visionml.contracts.lineage import Edge, deployment_node, model_node
from visionml.registry.lineage import Lineage
from visionml.registry.versions import Versions


def record(
    report: DeploymentReport,
    *,
    endpoint: EndpointState | None,
    versions: Versions,
    lineage: Lineage,
) -> DeploymentOutcome:
    """Judge a deployment by what serves, move active-version if it was promoted, write lineage.

    `endpoint` is None when there is no such endpoint. Recording twice changes nothing more.
    """
    name, reason = judge(report, endpoint)
    before = versions.active()
    version = report.request.model_version
    if name == "promoted":
        versions.activate(version)
    outcome = DeploymentOutcome(
        outcome=name,
        deployment_id=report.request.deployment_id,
        model_version=version,
        active_version=versions.active(),
        endpoint_config_name=endpoint.config_name if endpoint else None,
        reason=reason,
    )
    _remember(lineage, outcome, before=before, report=report)
    return outcome


def judge(report: DeploymentReport, endpoint: EndpointState | None) -> tuple[OutcomeName, str]:
    """Return the outcome and the reason for it."""
    error = ": ".join(filter(None, (report.error, readable(report.cause or "")))) or "no error"
    if report.step:
        error = f"{error} (at the step {report.step})"
    if report.plan is None:
        return "unchanged", f"The deployment was refused: {error}"
    if endpoint is None:
        return "failed", f"There is no endpoint {report.plan.endpoint_name}: {error}"
    if not endpoint.in_service:
        return "failed", (
            f"The endpoint {endpoint.name} is {endpoint.status}: {endpoint.failure or error}"
        )
    serves = f"{endpoint.name} serves {endpoint.config_name}"
    if endpoint.config_name == report.plan.endpoint_config_name:
        return "promoted", f"{serves} with the version {report.request.model_version}."
    if endpoint.config_name != report.plan.previous_config_name:
        return "failed", f"{serves}, which this deployment did not ask for."
    outcome: OutcomeName = "unchanged" if report.action == "failed" else "rolled_back"
    return outcome, f"{serves} as before: {endpoint.failure or error}"


def _remember(
    lineage: Lineage, outcome: DeploymentOutcome, *, before: str | None, report: DeploymentReport
) -> None:
    node = deployment_node(outcome.deployment_id)
    facts: dict[str, JsonValue] = outcome.model_dump(mode="json", exclude={"outcome"})
    facts["previous_version"] = before
    facts["step"] = report.step
    if outcome.outcome == "promoted" and before == outcome.model_version:
        facts.pop("previous_version")
    lineage.update(node, status=outcome.outcome, facts=facts)
    model = model_node(outcome.model_version)
    if lineage.find(model) is None:
        return
    lineage.link(Edge(source=model, relation="deployed_as", target=node))
    if outcome.outcome == "promoted":
        lineage.update(model, status="serving", facts={"deployment": outcome.deployment_id})
        if before and before != outcome.model_version and lineage.find(model_node(before)):
            lineage.update(model_node(before), status="retired", facts={})
