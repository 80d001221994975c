"""Truths as rows of the table ``ground_truths``: an object each, by the answer's day.

Its key follows from the answer's id, so a truth that is told again is still one row.
"""

import json
from datetime import UTC
from typing import Any
from urllib.parse import quote

from visionml.aws.s3 import Objects, uri
from visionml.contracts.experiments import KeptAnswer, ToldTruth
from visionml.contracts.tables import GROUND_TRUTHS


class TruthRecords:
    """Writes them to the results bucket."""

    def __init__(self, objects: Objects, bucket: str) -> None:
        self._objects, self._bucket = objects, bucket

    def write(self, told: ToldTruth, answer: KeptAnswer) -> None:
        """Write one; again, it changes nothing."""
        day = answer.time.astimezone(UTC).date().isoformat()
        key = f"{GROUND_TRUTHS.folder(day)}{quote(told.prediction_id, safe='')}.json"
        row: dict[str, Any] = {
            "prediction_id": told.prediction_id,
            "time": answer.time.isoformat(),
            "label": told.label,
            "predicted": told.predicted,
            "correct": told.right,
            "model_version": answer.model_version,
            "variant": answer.variant,
        }
        self._objects.write(uri(self._bucket, key), f"{json.dumps(row)}\n".encode())
