"""The tables of the analytics database: their columns, and where in the results bucket they lie.

Every table is partitioned by ``date``, a day in UTC such as ``2026-11-20``, and the catalog knows
its partitions by projection: a query reads a file the moment it is there, and nothing has to be
registered. `predictions` lie below ``model=VERSION`` within a day, which is no partition for the
catalog: versions are named by runs, so they could neither be listed (an enum) nor would a query
that names none be allowed (injected); the version is a column instead.

Times are text in ISO 8601, as records carry them; ``from_iso8601_timestamp(time)`` reads them.
"""

from dataclasses import dataclass
from typing import Literal

from visionml.contracts.inference import PIXEL_STATISTICS

Column = tuple[str, str, str]
"""Name, the catalog's type, and what it holds."""

PARTITION = "date"
SEEN_DAYS_AHEAD = 1
"""Clocks differ: a file may be of a day that has begun elsewhere."""

_STATISTICS = f"struct<{','.join(f'{name}:double' for name in PIXEL_STATISTICS)}>"


@dataclass(frozen=True)
class TableSchema:
    """One table."""

    name: str
    title: str
    prefix: str
    """Of its objects in the results bucket."""
    form: Literal["parquet", "json"]
    columns: tuple[Column, ...]

    def folder(self, day: str) -> str:
        """Return the prefix of a day's objects."""
        return f"{self.prefix}{PARTITION}={day}/"


INFERENCE_EVENTS = TableSchema(
    "inference_events",
    "Every answer of the endpoint, as Firehose delivers them; an answer may come twice.",
    "events/",
    "parquet",
    (
        ("prediction_id", "string", "The answer's id."),
        ("time", "string", "When it was given."),
        ("image_sha256", "string", "Which image it is for."),
        ("label", "string", "What the model says."),
        ("probability", "double", "Of the label."),
        ("probabilities", "map<string,double>", "Of each class."),
        ("model_version", "string", "Which model answered."),
        ("variant", "string", "Which variant of the endpoint."),
        ("latency_ms", "double", "Of the endpoint, as its caller saw it."),
        ("statistics", _STATISTICS, "What the image looks like; null where nobody measured."),
        ("entropy", "double", "Of the prediction, in bits; 0 is sure."),
        ("embedding", "string", "Base64 of 16-bit floats; null for models that give none."),
        ("schema_version", "int", "Of the event; null before there were any."),
    ),
)
GROUND_TRUTHS = TableSchema(
    "ground_truths",
    "What images of answers really show, as it was told; one row an answer.",
    "truths/",
    "json",
    (
        ("prediction_id", "string", "Of the answer."),
        ("time", "string", "When the answer was given, which is its date, too."),
        ("label", "string", "What the image really shows."),
        ("predicted", "string", "What the model said."),
        ("correct", "boolean", "Whether that is the same."),
        ("model_version", "string", "Which model had answered."),
        ("variant", "string", "Which variant of the endpoint."),
    ),
)
PREDICTIONS = TableSchema(
    "predictions",
    "Results of batch runs, below model=VERSION within a day; one row an input of a run.",
    "predictions/",
    "parquet",
    (
        ("prediction_id", "string", "The same whenever a run is repeated."),
        ("input_key", "string", "Where the image lies."),
        ("image_sha256", "string", "Which image it is; null where the job did not see it."),
        ("label", "string", "What the model says; null where it could not."),
        ("probability", "double", "Of the label."),
        ("probabilities", "string", "Of each class, as a JSON object."),
        ("model_version", "string", "Which model answered; null where none did."),
        ("variant", "string", "Which variant of the endpoint; batch where there was none."),
        (
            "latency_ms",
            "double",
            "The image's share of the call that answered; null after a transform.",
        ),
        ("run_id", "string", "Which run asked."),
        ("time", "string", "When the answer was given."),
        ("error", "string", "The code of why there is no label; null where there is one."),
    ),
)
IMAGE_RECORDS = TableSchema(
    "image_records",
    "The images that intake has seen, exported every day; of whom they are is left out.",
    "images/",
    "json",
    (
        ("image_id", "string", "The image's id."),
        ("time", "string", "When S3 took the upload, which is its date, too."),
        ("status", "string", "How far it came: accepted, organised, refused..."),
        ("label", "string", "cat, dog or other; null before the detector."),
        ("confidence", "double", "Of the label, 0 to 100."),
        ("reason", "string", "Why it was refused or is uncertain."),
        ("image_format", "string", "By content."),
        ("bytes", "bigint", "Of the upload."),
        ("width", "int", "Of the clean image."),
        ("height", "int", "Of the clean image."),
        ("content_sha256", "string", "Of the clean image."),
        ("statistics", _STATISTICS, "What the image looks like."),
    ),
)
DRIFT_REPORTS = TableSchema(
    "drift_reports",
    "What monitoring found out about shifts; one row a statistic of a window.",
    "drift/",
    "parquet",
    (
        ("report_id", "string", "Of the window's report."),
        ("time", "string", "The end of the window."),
        ("model_version", "string", "Whose images are watched."),
        ("variant", "string", "Which variant of the endpoint."),
        ("statistic", "string", "Such as brightness."),
        ("test", "string", "How it was compared."),
        ("score", "double", "What came of it."),
        ("threshold", "double", "Above which it is drift."),
        ("drifted", "boolean", "Whether it is."),
        ("samples", "bigint", "How many answers were looked at."),
        ("details", "string", "Whatever else, as a JSON object."),
    ),
)
TABLES = (INFERENCE_EVENTS, GROUND_TRUTHS, PREDICTIONS, IMAGE_RECORDS, DRIFT_REPORTS)


def predictions_folder(day: str, model_version: str) -> str:
    """Return the prefix in the results bucket of what batch runs of a day got from a model."""
    return f"{PREDICTIONS.folder(day)}model={model_version}/"
