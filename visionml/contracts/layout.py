"""The S3 key layout: which key holds what, in which bucket.

====================  ===========================================================
bucket ``raw``        ``images/{dataset}/{label}/{file}``;
                      ``inference/{upload}``, of callers of the API, for a day
bucket ``datasets``   ``manifests/{dataset}/{version}/`` manifest.jsonl, dataset.json,
                      refused.jsonl, objects.manifest, forgotten/{sha256}.json;
                      ``prepared/{dataset}/{version}/{size}/{job}/{split}/part-*.npy|.jsonl``
bucket ``models``     ``runs/{run}/`` output/JOB/output/model.tar.gz, checkpoints/,
                      evaluation/report.json;
                      ``monitoring/{version}/`` baseline.npz, baseline.json
bucket ``images``     ``uploads/`` whatever is sent, until intake has looked;
                      ``quarantine/{image}`` and ``quarantine/{image}.reason.json``;
                      ``accepted/{image}.{format}``, clean, until the detector has looked;
                      ``cats/``, ``dogs/``, ``others/``; ``previews/{size}/{image}.jpg``
bucket ``results``    the tables of `visionml.contracts.tables` by ``date=``; ``events-errors/``
                      what did not fit them; ``shared/{folder}/`` what people put there for a
                      crawler; ``queries/`` Athena's results, for a week;
                      ``monitoring/{version}/{variant}/`` reports on drift, as JSON and as pages
bucket ``originals``  ``{image}``, as sent, where redaction keeps what it has hidden
====================  ===========================================================
"""

import re
from datetime import UTC, datetime

MANIFEST = "manifest.jsonl"
DATASET_RECORD = "dataset.json"
REFUSED = "refused.jsonl"
OBJECTS = "objects.manifest"
FORGOTTEN = "forgotten/"
"""Below a version's manifest: what says of images that they were deleted on request."""
EVALUATION_REPORT = "report.json"
ARTEFACT = "model.tar.gz"
INFERENCE_UPLOADS = "inference/"
"""The prefix in the raw bucket of images that are too large for a request."""
UPLOADS = "uploads/"
QUARANTINE = "quarantine/"
ACCEPTED = "accepted/"
PREVIEWS = "previews/"
EVENT_ERRORS = "events-errors/"
SHARED = "shared/"
QUERY_RESULTS = "queries/"

MONITORING = "monitoring/"
"""The prefix of baselines in the models bucket, and of reports on drift in the results bucket."""

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_NAME_CHARACTERS = 100
_ENDING_CHARACTERS = 20


def raw_images(dataset: str) -> str:
    """Return the prefix of a dataset's original images in the raw bucket."""
    return f"images/{dataset}/"


def raw_image(dataset: str, label: str, file: str) -> str:
    """Return the key of one original image in the raw bucket."""
    return f"{raw_images(dataset)}{label}/{file}"


def manifest_folder(dataset: str, version: str) -> str:
    """Return the prefix of a dataset version's manifest files in the datasets bucket."""
    return f"manifests/{dataset}/{version}/"


def forgotten_image(dataset: str, version: str, sha256: str) -> str:
    """Return the key that says that a version's image of a hash was deleted on request."""
    return f"{manifest_folder(dataset, version)}{FORGOTTEN}{sha256}.json"


def prepared_versions(dataset: str, version: str) -> str:
    """Return the prefix of all shards of a dataset version, of every size and job."""
    return f"prepared/{dataset}/{version}/"


def prepared_folder(dataset: str, version: str, image_size: int | str, job: str) -> str:
    """Return the prefix of the model-ready shards that a job leaves, above that of each split.

    Each job has a folder of its own: shards are never mixed with those of a job that failed.
    """
    return f"{prepared_versions(dataset, version)}{image_size}/{job}/"


def run_folder(run_id: str) -> str:
    """Return the prefix of everything one training run leaves in the models bucket."""
    return f"runs/{run_id}/"


def run_of(key: str) -> str | None:
    """Return the run that left an object in the models bucket, or None for other keys."""
    folder, _, rest = key.partition("/")
    run_id, _, below = rest.partition("/")
    return run_id if folder == "runs" and run_id and below else None


def run_output(run_id: str) -> str:
    """Return the prefix given to SageMaker as the run's output path, without a final slash."""
    return f"runs/{run_id}/output"


def run_artefact(run_id: str, job: str) -> str:
    """Return the key under which SageMaker leaves the model of a training job."""
    return f"{run_output(run_id)}/{job}/output/{ARTEFACT}"


def run_checkpoints(run_id: str) -> str:
    """Return the prefix of a run's checkpoints."""
    return f"runs/{run_id}/checkpoints"


def run_evaluation(run_id: str) -> str:
    """Return the prefix of a run's evaluation report."""
    return f"runs/{run_id}/evaluation"


def baseline(version: str, ending: str) -> str:
    """Return the key in the models bucket of what a version is watched against."""
    return f"{MONITORING}{version}/baseline{ending}"


def drift_reports(version: str, variant: str) -> str:
    """Return the prefix in the results bucket of the reports on a version's answers."""
    return f"{MONITORING}{version}/{variant}/"


def drift_report(version: str, variant: str, moment: datetime, ending: str) -> str:
    """Return the key in the results bucket of the report on a window that ended at a moment.

    The keys of one version and variant sort by time.
    """
    return f"{drift_reports(version, variant)}{moment.astimezone(UTC):%Y-%m-%dT%H%M%SZ}{ending}"


def quarantined(image_id: str) -> str:
    """Return the key of a refused file in the images bucket."""
    return f"{QUARANTINE}{image_id}"


def quarantine_reason(image_id: str) -> str:
    """Return the key of the record beside a refused file that says why."""
    return f"{quarantined(image_id)}.reason.json"


def accepted_image(image_id: str, image_format: str) -> str:
    """Return the key of a clean image that the detector has not looked at yet."""
    return f"{ACCEPTED}{image_id}.{image_format}"


def organised_image(folder: str, image_id: str, image_format: str) -> str:
    """Return the key of an image in a folder such as ``cats/``."""
    return f"{folder}{image_id}.{image_format}"


def preview_image(image_id: str, size: int) -> str:
    """Return the key of an image's preview in the images bucket."""
    return f"{PREVIEWS}{size}/{image_id}.jpg"


def upload(folder: str, name: str) -> str:
    """Return the key below ``uploads/`` of a file that somebody calls `name`.

    `folder` tells files of equal names apart.
    """
    return f"{upload_folder(folder)}{safe_name(name)}"


def upload_folder(folder: str) -> str:
    """Return the prefix of the uploads of one folder below ``uploads/``."""
    return f"{UPLOADS}{folder}/"


def safe_name(name: str) -> str:
    """Return what is left of a file's name in a key: its last part, in plain letters.

    >>> safe_name("../../Mäuse und Katzen.JPG")
    'M-use-und-Katzen.JPG'
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    stem, dot, ending = _UNSAFE.sub("-", last).strip("-.").rpartition(".")
    return f"{stem[:_NAME_CHARACTERS]}{dot}{ending[:_ENDING_CHARACTERS]}" or "image"
