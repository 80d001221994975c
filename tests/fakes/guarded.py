"""An environment that every guardrail check lets pass, for tests to spoil."""

import json
from collections.abc import Mapping
from typing import Any

from visionml.contracts.names import VARIANT_A, VARIANT_B, Names
from visionml.contracts.settings import Settings
from visionml.guardrails.check import Subject

Json = dict[str, Any]


def settings(environment: str = "prod", *, account: str | None = None, **rollout: Any) -> Settings:
    """Return settings of an environment of two instances, with these of the rollout."""
    serving: Json = {
        "initial_instances": 2,
        "minimum_instances": 2,
        "rollout": {"approval": "manual", **rollout},
    }
    return Settings.model_validate(
        {
            "environment": environment,
            "account": account,
            "retain_data": True,
            "private_network": True,
            "serving": serving,
        }
    )


def templates(chosen: Settings) -> dict[str, Json]:
    """Return templates with alarms, a seed endpoint and two machines."""
    names = Names.of(chosen)
    alarms: Json = {}
    for letter, variant in (("A", VARIANT_A), ("B", VARIANT_B)):
        alarms[f"Errors{letter}"] = _alarm(
            names.name(f"rollback-errors-{letter.lower()}"), Metrics=_errors(names, variant)
        )
        alarms[f"Latency{letter}"] = _alarm(
            names.name(f"rollback-latency-{letter.lower()}"),
            Threshold=2_000_000,
            ExtendedStatistic="p99",
            Period=60,
            **_metric(names, variant, "ModelLatency"),
        )
    alarms["Probes"] = _alarm(
        names.name("rollback-probes"),
        Namespace="VisionML",
        MetricName="ProbeAccuracy",
        Dimensions=[{"Name": "EndpointName", "Value": names.endpoint}],
        Period=60,
    )
    return {
        "Monitoring": {"Resources": alarms},
        "Serving": {
            "Resources": {**_seed(), "Machine": _machine(DEPLOYMENT), "Tuning": _machine(TUNING)}
        },
    }


def subject(chosen: Settings | None = None, spoilt: Mapping[str, Json] | None = None) -> Subject:
    """Return a healthy environment, or one with these templates."""
    wanted = chosen or settings()
    return Subject(wanted, spoilt if spoilt is not None else templates(wanted))


def _metric(names: Names, variant: str, name: str) -> Json:
    dimensions = {"EndpointName": names.endpoint, "VariantName": variant}
    return {
        "Namespace": "AWS/SageMaker",
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
    }


def _errors(names: Names, variant: str) -> list[Json]:
    asked = {"errors": "InvocationModelErrors", "calls": "Invocations"}
    return [
        {"Id": "share", "Expression": "FILL(errors, 0) / FILL(calls, 1)"},
        *(
            {
                "Id": key,
                "ReturnData": False,
                "MetricStat": {
                    "Metric": _metric(names, variant, name),
                    "Period": 60,
                    "Stat": "Sum",
                },
            }
            for key, name in asked.items()
        ),
    ]


def _alarm(name: str, **properties: Any) -> Json:
    usual: Json = {
        "AlarmName": name,
        "EvaluationPeriods": 1,
        "Threshold": 0.01,
        "TreatMissingData": "notBreaching",
    }
    return {"Type": "AWS::CloudWatch::Alarm", "Properties": {**usual, **properties}}


def _seed() -> Json:
    variant = {"VariantName": VARIANT_A, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    return {
        "SeedConfig": {
            "Type": "AWS::SageMaker::EndpointConfig",
            "Properties": {"EndpointConfigName": "seed", "ProductionVariants": [variant]},
        },
        "Endpoint": {
            "Type": "AWS::SageMaker::Endpoint",
            "Properties": {"EndpointConfigName": "seed"},
        },
    }


def task(resource: str, then: str, arguments: Any) -> Json:
    """Return a task state."""
    return {
        "Type": "Task",
        "Resource": f"arn:aws:states:::{resource}",
        "Arguments": arguments,
        "Next": then,
    }


DEPLOYMENT: Json = {
    "Config": task(
        "sagemaker:createEndpointConfig",
        "Update",
        {"ProductionVariants": "{% $plan.production_variants %}"},
    ),
    "Update": task(
        "sagemaker:updateEndpoint",
        "Wait",
        {"EndpointName": "e", "DeploymentConfig": "{% $plan.deployment_config %}"},
    ),
    "Wait": {"Type": "Wait", "Seconds": 1, "Next": "Describe"},
    "Describe": task("aws-sdk:sagemaker:describeEndpoint", "Ended", {"EndpointName": "e"}),
    "Ended": {
        "Type": "Choice",
        "Choices": [{"Condition": "{% EndpointStatus = 'Updating' %}", "Next": "Wait"}],
        "Default": "Record",
    },
    "Record": task("lambda:invoke", "Done", {"FunctionName": "deployment-recorder"}),
    "Done": {"Type": "Succeed"},
}
TUNING: Json = {
    "Tune": task("sagemaker:createHyperParameterTuningJob.sync", "Choose", {}),
    "Choose": task("lambda:invoke", "Done", {"FunctionName": "candidate-chooser"}),
    "Done": {"Type": "Succeed"},
}


def _machine(states: Json) -> Json:
    text = json.dumps({"StartAt": next(iter(states)), "States": states})
    half = len(text) // 2
    return {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {"DefinitionString": {"Fn::Join": ["", [text[:half], text[half:]]]}},
    }


def with_states(found: dict[str, Json], machine: str, **changes: Any) -> None:
    """Change states of a machine."""
    states = {"Machine": DEPLOYMENT, "Tuning": TUNING}[machine]
    changed = {**states, **changes}
    found["Serving"]["Resources"][machine] = _machine(
        {name: state for name, state in changed.items() if state is not None}
    )
