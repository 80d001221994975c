"""Everything the embedded SageMaker remembers."""

from dataclasses import dataclass, field
from typing import Any

from visionml.local.sagemaker.cloud import Cloud
from visionml.local.sagemaker.core import Record, Store
from visionml.local.sagemaker.hosting import Endpoint, EndpointConfig, Model
from visionml.local.sagemaker.meter import Meter
from visionml.local.sagemaker.packages import Package, PackageGroup
from visionml.local.sagemaker.processing import ProcessingJob
from visionml.local.sagemaker.training import TrainingJob
from visionml.local.sagemaker.transform import TransformJob
from visionml.local.sagemaker.tuning import TuningJob


@dataclass
class State:
    """The stores, and the cloud around them."""

    cloud: Cloud
    training: Store[TrainingJob] = field(default_factory=Store)
    processing: Store[ProcessingJob] = field(default_factory=Store)
    transform: Store[TransformJob] = field(default_factory=Store)
    tuning: Store[TuningJob] = field(default_factory=Store)
    models: Store[Model] = field(default_factory=Store)
    configs: Store[EndpointConfig] = field(default_factory=Store)
    endpoints: Store[Endpoint] = field(default_factory=Store)
    groups: Store[PackageGroup] = field(default_factory=Store)
    packages: Store[Package] = field(default_factory=Store)
    meter: Meter = field(init=False)

    def __post_init__(self) -> None:
        self.meter = Meter(self.cloud)

    def stores(self) -> list[Store[Any]]:
        """Return every store."""
        return [value for value in vars(self).values() if isinstance(value, Store)]

    def record(self, arn: str) -> Record | None:
        """Return whatever has an ARN."""
        for store in self.stores():
            found: Record | None = store.by_arn(arn)
            if found is not None:
                return found
        return None

    def reset(self) -> None:
        """Stop what runs and forget everything."""
        jobs: list[Store[Any]] = [self.tuning, self.training, self.processing, self.transform]
        for job in [job for store in jobs for job in store.everywhere()]:
            job.stop()
        for endpoint in self.endpoints.everywhere():
            endpoint.over.set()
            endpoint.traffic.send_to()
            for fleet in (endpoint.fleet, endpoint.pending):
                if fleet is not None:
                    self.cloud.run(endpoint.scope, fleet.stop, name=f"end-{endpoint.name}")
        self.cloud.runtime.close()
        for store in self.stores():
            store.clear()
