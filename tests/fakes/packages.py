"""Model package groups in memory."""

from dataclasses import replace

from visionml.aws.packages import Package, PackageSpec
from visionml.errors import NotFound


class MemoryPackages:
    """Stands for ``visionml.aws.packages.Packages``."""

    def __init__(self) -> None:
        self.packages: dict[str, Package] = {}
        self._by_token: dict[str, str] = {}

    def create(self, group: str, spec: PackageSpec) -> str:
        if spec.token in self._by_token:
            return self._by_token[spec.token]
        arn = (
            "arn:aws:sagemaker:us-east-1:000000000000:model-package/"
            f"{group}/{len(self.packages) + 1}"
        )
        self.packages[arn] = Package(
            arn=arn,
            approval=spec.approval,
            status="Completed",
            image=spec.image,
            artefact=spec.artefact,
            properties=spec.properties,
            card=spec.card,
        )
        self._by_token[spec.token] = arn
        return arn

    def describe(self, arn: str) -> Package:
        if arn not in self.packages:
            raise NotFound(f"There is no model package {arn}.")
        return self.packages[arn]

    def set_approval(self, arn: str, approval: str) -> None:
        self.packages[arn] = replace(self.packages[arn], approval=approval)
