"""What drift is measured against, from the moment a version serves."""

from datetime import UTC, datetime

from visionml.contracts.deployment import DeploymentPlan
from visionml.contracts.names import VARIANT_A, baseline_parameter
from visionml.contracts.registry import BaselineRecord
from visionml.registry.ports import ParameterStore


class Baselines:
    """The baseline pointers of the versions under one resource prefix."""

    def __init__(self, store: ParameterStore, prefix: str) -> None:
        self._store = store
        self._prefix = prefix

    def write(self, plan: DeploymentPlan) -> BaselineRecord:
        """Point a version at the data and the report that its predictions are compared with.

        Call it when the rollout has ended and the version serves: written earlier, a rollout that
        is taken back would leave a baseline for a model that nobody asks.
        """
        model = next(each for each in plan.models if each.variant == VARIANT_A)
        baseline = BaselineRecord(
            version=model.version,
            deployment_id=plan.deployment_id,
            dataset=model.dataset,
            dataset_version=model.dataset_version,
            evaluation=model.evaluation,
            written=datetime.now(UTC),
        )
        name = baseline_parameter(self._prefix, model.version)
        self._store.put(name, baseline.model_dump_json())
        return baseline

    def read(self, version: str) -> BaselineRecord:
        """Return a version's baseline.

        Raises
        ------
        NotFound
            It has not served yet.
        """
        name = baseline_parameter(self._prefix, version)
        return BaselineRecord.model_validate_json(self._store.get(name))
