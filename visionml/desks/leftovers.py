"""What the platform's machines made while it ran: no stack owns it, so no stack removes it."""

from collections.abc import Iterator

from visionml.aws.errors import translated
from visionml.aws.packages import Packages
from visionml.aws.parameters import Parameters
from visionml.contracts.names import version_parameter
from visionml.desks.billable import named
from visionml.desks.platform import Platform
from visionml.errors import NotFound


class Leftovers:
    """Registered and deployed models, their records and configurations; late logs and alarms."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._sagemaker = platform.aws.sagemaker

    def release(self) -> None:
        """Delete the registered versions: a model package group only goes when it is empty."""
        group = self._platform.names.model_package_group
        parameters = Parameters(self._platform.aws.parameters)
        active = self._platform.versions.active()
        for record in self._platform.versions.registered():
            if f"/{group}/" not in record.model_package_arn:
                continue  # another environment of this account registered it
            parameters.delete(version_parameter(self._platform.settings.prefix, record.version))
            if record.version == active:
                parameters.delete(self._platform.names.active_version_parameter)
        packages = Packages(self._sagemaker)
        for arn in self._packages(packages, group):
            packages.delete(arn)

    def remove(self) -> None:
        """Delete the models and endpoint configurations of past deployments; no endpoint is up."""
        for kind, name in self.made():
            with translated(f"delete the {kind} {name}"):
                if kind == "log group":
                    self._platform.aws.logs.delete_log_group(logGroupName=name)
                elif kind == "alarm":
                    self._platform.aws.cloudwatch.delete_alarms(AlarmNames=[name])
                elif kind == "model":
                    self._sagemaker.delete_model(ModelName=name)
                else:
                    self._sagemaker.delete_endpoint_config(EndpointConfigName=name)

    def made(self) -> list[tuple[str, str]]:
        """Return kind and name of what deployments made."""
        pattern = self._platform.names.deployed("")
        client = self._sagemaker
        with translated("look for what deployments made"):
            models = client.get_paginator("list_models").paginate(NameContains=pattern)
            configs = client.get_paginator("list_endpoint_configs").paginate(NameContains=pattern)
            found = [
                ("endpoint configuration", config["EndpointConfigName"])
                for page in configs
                for config in page["EndpointConfigs"]
            ]
            found += [("model", model["ModelName"]) for page in models for model in page["Models"]]
        ours = [(kind, name) for kind, name in found if name.startswith(pattern)]
        return ours + self._late_logs() + self._scaling_alarms()

    def _late_logs(self) -> list[tuple[str, str]]:
        """Return the log groups: a function that ends after its group is gone makes it again."""
        pattern = named(self._platform.settings)
        with translated("look for log groups"):
            pages = self._platform.aws.logs.get_paginator("describe_log_groups").paginate()
            groups = [group["logGroupName"] for page in pages for group in page["logGroups"]]
        return [("log group", name) for name in groups if pattern.search(name)]

    def _scaling_alarms(self) -> list[tuple[str, str]]:
        """Return the alarms of the endpoint's scaling, which go some time after the endpoint."""
        beginning = f"TargetTracking-endpoint/{self._platform.names.endpoint}/"
        with translated("look for the alarms of scaling"):
            pages = self._platform.aws.cloudwatch.get_paginator("describe_alarms").paginate(
                AlarmNamePrefix=beginning
            )
            return [
                ("alarm", alarm["AlarmName"]) for page in pages for alarm in page["MetricAlarms"]
            ]

    def _packages(self, packages: Packages, group: str) -> Iterator[str]:
        try:
            yield from list(packages.arns(group))
        except NotFound:  # the group was never deployed
            return
