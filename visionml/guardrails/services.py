"""Mistakes in what the stacks are made of."""

from collections.abc import Iterator

from visionml.contracts.names import VARIANT_A
from visionml.guardrails.check import Check, Fault, Subject
from visionml.guardrails.template import mappings, text

CLOSED_TYPES = {
    "AWS::CodeCommit::Repository": "CodeCommit",
    "AWS::S3ObjectLambda::AccessPoint": "S3 Object Lambda",
    "AWS::S3ObjectLambda::AccessPointPolicy": "S3 Object Lambda",
    "AWS::SageMaker::DataQualityJobDefinition": "SageMaker Model Monitor",
    "AWS::SageMaker::ModelBiasJobDefinition": "SageMaker Model Monitor",
    "AWS::SageMaker::ModelExplainabilityJobDefinition": "SageMaker Model Monitor",
    "AWS::SageMaker::ModelQualityJobDefinition": "SageMaker Model Monitor",
    "AWS::SageMaker::MonitoringSchedule": "SageMaker Model Monitor",
}
_DEBUGGER = {"DebugHookConfig", "DebugRuleConfigurations", "ProfilerRuleConfigurations"}
_SEED = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1, "VariantName": VARIANT_A}
"""What every environment's endpoint was created with."""


def _closed(subject: Subject) -> Iterator[Fault]:
    for resource in subject.resources(*CLOSED_TYPES):
        yield Fault(
            resource.where,
            f"{CLOSED_TYPES[resource.kind]} takes no new customers.",
            "Use what visionml/monitoring and the training container do instead.",
        )
    for machine in subject.machines():
        for step in machine.steps:
            used = {key for found in mappings(step.arguments) for key in found} & _DEBUGGER
            if used:
                yield Fault(
                    step.where,
                    f"SageMaker Debugger ({', '.join(sorted(used))}) takes no new customers.",
                    "Leave it out; the container writes its own metrics.",
                )


def _capture(subject: Subject) -> Iterator[Fault]:
    declared = [
        (resource.where, resource.properties)
        for resource in subject.resources("AWS::SageMaker::EndpointConfig")
    ]
    created = [
        (step.where, step.arguments)
        for machine in subject.machines()
        for step in machine.steps
        if step.calls("createEndpointConfig")
    ]
    for where, config in (*declared, *created):
        for found in mappings(config):
            capture = found.get("DataCaptureConfig")
            if isinstance(capture, dict) and "CaptureContentTypeHeader" not in capture:
                yield Fault(
                    where,
                    "Captured requests and answers would be written in BASE64, JSON included.",
                    "Name application/json in CaptureContentTypeHeader.JsonContentTypes.",
                )


def _seed(subject: Subject) -> Iterator[Fault]:
    configs = {
        text(config.properties.get("EndpointConfigName", config.where)): config
        for config in subject.resources("AWS::SageMaker::EndpointConfig")
    }
    for endpoint in subject.resources("AWS::SageMaker::Endpoint"):
        config = configs.get(text(endpoint.properties.get("EndpointConfigName", "")))
        variants = config.properties.get("ProductionVariants", []) if config else []
        found = [{name: each.get(name) for name in _SEED} for each in variants]
        if found != [_SEED]:
            yield Fault(
                endpoint.where,
                "Its first configuration is not the one that every environment began with.",
                "Keep it constant: an update of the stack would take production back to it.",
            )


CHECKS = (
    Check(
        "closed-service",
        "Some services of AWS cannot be used by accounts that did not use them before.",
        _closed,
    ),
    Check(
        "capture-in-base64",
        "Captured data in BASE64 is not what its readers expect.",
        _capture,
    ),
    Check(
        "seed-follows-settings",
        "An endpoint whose first configuration changes is updated by CloudFormation, unguarded.",
        _seed,
    ),
)
