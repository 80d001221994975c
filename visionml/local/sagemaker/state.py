"""Everything the embedded SageMaker remembers."""

from dataclasses import dataclass, field

from visionml.local.sagemaker.cloud import Cloud
from visionml.local.sagemaker.core import Record, Store
from visionml.local.sagemaker.processing import ProcessingJob
from visionml.local.sagemaker.training import TrainingJob


class Model(Record):
    """A container image with a model."""


class EndpointConfig(Record):
    """Which models an endpoint serves, on what."""


@dataclass
class State:
    """The stores, and the cloud around them."""

    cloud: Cloud
    training: Store[TrainingJob] = field(default_factory=Store)
    processing: Store[ProcessingJob] = field(default_factory=Store)
    models: Store[Model] = field(default_factory=Store)
    configs: Store[EndpointConfig] = field(default_factory=Store)

    def stores(self) -> list[Store[Record]]:
        """Return every store."""
        found = [value for value in vars(self).values() if isinstance(value, Store)]
        return list(found)

    def record(self, arn: str) -> Record | None:
        """Return whatever has an ARN."""
        wanted = arn.lower()
        return next(
            (
                record
                for store in self.stores()
                for record in store.everywhere()
                if record.arn.lower() == wanted
            ),
            None,
        )

    def reset(self) -> None:
        """Stop what runs and forget everything."""
        for job in [*self.training.everywhere(), *self.processing.everywhere()]:
            job.stop()
        self.cloud.runtime.close()
        for store in self.stores():
            store.clear()
