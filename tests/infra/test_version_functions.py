"""What wakes the watcher of active-version and the cleaner, and what they may touch."""

from typing import Any

from tests.fakes.cloudformation import text
from tests.infra.conftest import Synthesised
from visionml.contracts.names import Names


def rules(found: Synthesised) -> dict[str, dict[str, Any]]:
    """Return the rules of the serving stack by name."""
    stack = found.properties("AWS::Events::Rule", stack="Serving")
    return {rule["Name"]: rule for rule in stack}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def may(found: Synthesised, role: str, action: str) -> set[str]:
    """Return the resources on which a role may do something."""
    return {
        text(resource)
        for policy in found.properties("AWS::IAM::Policy", stack="Serving")
        if text(policy["Roles"][0]).startswith(f"<{role}")
        for statement in policy["PolicyDocument"]["Statement"]
        if action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }


def test_the_watcher_is_woken_by_the_one_parameter_by_ends_and_by_the_clock(
    environment: Synthesised,
) -> None:
    names = Names.of(environment.settings)
    found = rules(environment)
    changed = found[names.name("active-version-set")]["EventPattern"]
    ended = found[names.name("deployment-ended")]["EventPattern"]
    assert changed["detail"] == {
        "name": [names.active_version_parameter],
        "operation": ["Create", "Update"],
    }
    assert (changed["source"], changed["detail-type"]) == (["aws.ssm"], ["Parameter Store Change"])
    assert "RUNNING" not in ended["detail"]["status"]
    (machine,) = ended["detail"]["stateMachineArn"]
    assert text(machine).endswith(f":stateMachine:{names.deployment_machine}")
    assert found[names.name("active-version-check")]["ScheduleExpression"] == "rate(15 minutes)"
    for rule in ("active-version-set", "deployment-ended", "active-version-check"):
        (target,) = found[names.name(rule)]["Targets"]
        assert text(target["Arn"]).startswith("<HandlersActiveVersionWatcherFunction")


def test_the_cleaner_is_woken_once_a_day(environment: Synthesised) -> None:
    names = Names.of(environment.settings)
    rule = rules(environment)[names.name("deployment-cleaning")]
    assert rule["ScheduleExpression"] == "rate(1 day)"
    (target,) = rule["Targets"]
    assert text(target["Arn"]).startswith("<HandlersDeploymentCleanerFunction")


def test_the_cleaner_deletes_only_what_deployments_made_and_artefacts(local: Synthesised) -> None:
    role = "HandlersDeploymentCleaner"
    (model,) = may(local, role, "sagemaker:DeleteModel")
    (config,) = may(local, role, "sagemaker:DeleteEndpointConfig")
    (endpoint,) = may(local, role, "sagemaker:DeleteEndpoint")
    (artefacts,) = may(local, role, "s3:DeleteObject")
    assert model.endswith(":model/ml-pipeline-local-*")
    assert config.endswith(":endpoint-config/ml-pipeline-local-*")
    assert endpoint.endswith(":endpoint/ml-pipeline-staging-local-us-east-1")
    assert artefacts.endswith("/runs/*/output/*")


def test_the_watcher_writes_no_parameter_but_active_version(environment: Synthesised) -> None:
    for action in ("ssm:PutParameter", "ssm:DeleteParameter"):
        written = may(environment, "HandlersActiveVersionWatcher", action)
        assert all(each.endswith("/models/active-version") for each in written), written
        assert written
