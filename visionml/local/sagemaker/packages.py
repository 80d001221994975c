"""The model registry: model package groups and the versions in them."""

import threading
from dataclasses import dataclass, field

from visionml.local.sagemaker import wire
from visionml.local.sagemaker.cloud import Cloud
from visionml.local.sagemaker.core import Document, Record

COMPLETED = "Completed"


@dataclass(eq=False)
class PackageGroup(Record):
    """A model package group; it numbers its versions."""

    _last: int = 0
    _numbering: threading.Lock = field(default_factory=threading.Lock)

    def described(self) -> Document:
        """Return the description."""
        return {
            **super().described(),
            "ModelPackageGroupArn": self.arn,
            "ModelPackageGroupStatus": COMPLETED,
        }

    def next_version(self) -> int:
        """Return a number that no package of the group has had."""
        with self._numbering:
            self._last += 1
            return self._last


@dataclass(eq=False)
class Package(Record):
    """A model package: a version in a group, or one by name."""

    group: str | None = None
    version: int | None = None

    def described(self) -> Document:
        """Return the description."""
        return {
            "ModelApprovalStatus": "PendingManualApproval" if self.group else None,
            **super().described(),
            "ModelPackageName": self.group or self.name,
            "ModelPackageGroupName": self.group,
            "ModelPackageVersion": self.version,
            "ModelPackageArn": self.arn,
            "ModelPackageStatus": COMPLETED,
            "ModelPackageStatusDetails": {
                "ValidationStatuses": [],
                "ImageScanStatuses": [],
            },
        }

    def announce(self, cloud: Cloud) -> None:
        """Tell EventBridge the package's state."""
        detail = wire.output("DescribeModelPackage", self.described(), wire.milliseconds)
        cloud.announce(self.scope, "SageMaker Model Package State Change", detail, [self.arn])
