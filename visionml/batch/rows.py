"""Rows of the table ``predictions``: one an input, whatever became of it."""

import io
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
from pyarrow import parquet

from visionml.batch.outcomes import Answer, Outcome
from visionml.batch.store import Store
from visionml.contracts.batch import (
    NO_VERSION,
    BatchInput,
    BatchPlan,
    prediction_id,
    rows_day,
    rows_file,
    rows_key,
)
from visionml.contracts.inference import ErrorDetail, Prediction, PredictionState
from visionml.contracts.tables import PREDICTIONS

_TYPES = {"string": pa.string(), "double": pa.float64()}
_SCHEMA = pa.schema([(name, _TYPES[kind]) for name, kind, _ in PREDICTIONS.columns])
PARQUET = "application/vnd.apache.parquet"


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one input."""

    plan: BatchPlan
    source: BatchInput
    sha256: str | None
    outcome: Outcome
    time: datetime

    @property
    def model_version(self) -> str | None:
        """The version that answered, or None."""
        if isinstance(self.outcome, Answer):
            return self.outcome.prediction.model_version
        return None

    def columns(self) -> dict[str, str | float | None]:
        """Return the row as the table has it."""
        found: dict[str, str | float | None] = dict.fromkeys(_SCHEMA.names)
        found |= {
            "prediction_id": prediction_id(self.plan.run_id, self.source.key),
            "input_key": self.source.key,
            "image_sha256": self.sha256,
            "run_id": self.plan.run_id,
            "time": self.time.isoformat(),
        }
        if isinstance(self.outcome, ErrorDetail):
            return found | {"error": self.outcome.code}
        said = self.outcome.prediction
        return found | {
            "label": said.label,
            "probability": said.probability,
            "probabilities": json.dumps(said.probabilities, separators=(",", ":")),
            "model_version": said.model_version,
            "variant": self.outcome.variant,
            "latency_ms": self.outcome.latency_ms,
        }

    def state(self) -> PredictionState:
        """Return the row as ``GET /predictions/{id}`` tells it."""
        name = prediction_id(self.plan.run_id, self.source.key)
        if isinstance(self.outcome, ErrorDetail):
            return PredictionState(prediction_id=name, status="failed", error=self.outcome)
        made = Prediction(
            **self.outcome.prediction.model_dump(),
            prediction_id=name,
            variant=self.outcome.variant,
            latency_ms=self.outcome.latency_ms or 0.0,
        )
        return PredictionState(prediction_id=name, status="done", prediction=made)


def packed(rows: Sequence[Row]) -> bytes:
    """Return rows as a Parquet file."""
    table = pa.Table.from_pylist([row.columns() for row in rows], schema=_SCHEMA)
    target = io.BytesIO()
    parquet.write_table(table, target, compression="snappy")
    return target.getvalue()


def write(plan: BatchPlan, part: int, rows: Sequence[Row], store: Store) -> tuple[str, ...]:
    """Write a part's rows, a file for each version that answered, and return the keys.

    Failures lie with the version of the plan. Files of the same part below other versions are
    what an attempt left that came to no end, and go.
    """
    by_key: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        version = row.model_version or plan.model_version or NO_VERSION
        by_key[rows_key(plan, part, version)].append(row)
    for key, found in by_key.items():
        store.objects.write(store.at(key), packed(found), content_type=PARQUET)
    for folder in store.objects.folders(store.at(rows_day(plan))):
        key = f"{folder}{rows_file(plan.run_id, part)}"
        if key not in by_key and store.objects.exists(store.at(key)):
            store.objects.delete(store.at(key))
    return tuple(sorted(by_key))
