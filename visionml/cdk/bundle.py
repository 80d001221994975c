"""The folders that become assets, staged so that a hash changes with its own code alone."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from visionml.errors import NotFound

ROOT = Path(__file__).parents[2]

_BASE = ("visionml/__init__.py", "visionml/errors.py", "visionml/contracts", "visionml/aws")

HANDLERS = (
    *_BASE,
    "visionml/batch/__init__.py",
    "visionml/batch/ordering.py",
    "visionml/batch/owning.py",
    "visionml/batch/planning.py",
    "visionml/batch/store.py",
    "visionml/batch/summarising.py",
    "visionml/dataset/__init__.py",
    "visionml/dataset/catalog.py",
    "visionml/dataset/forgotten.py",
    "visionml/dataset/manifest.py",
    "visionml/evaluation/__init__.py",
    "visionml/evaluation/gate.py",
    "visionml/guardrails",
    "visionml/intake/__init__.py",
    "visionml/intake/deciding.py",
    "visionml/intake/exporting.py",
    "visionml/intake/moments.py",
    "visionml/intake/organising.py",
    "visionml/intake/pseudonyms.py",
    "visionml/intake/questions.py",
    "visionml/intake/records.py",
    "visionml/intake/retrying.py",
    "visionml/intake/telling.py",
    "visionml/intake/uploads.py",
    "visionml/registry",
    "visionml/promotion",
    "visionml/serving/__init__.py",
    "visionml/serving/adapter.py",
    "visionml/serving/bundles.py",
    "visionml/serving/consuming.py",
    "visionml/serving/deferred.py",
    "visionml/serving/failures.py",
    "visionml/serving/multipart.py",
    "visionml/serving/pace.py",
    "visionml/serving/payload.py",
    "visionml/serving/predictions.py",
    "visionml/serving/publisher.py",
    "visionml/serving/statuses.py",
    "visionml/serving/sticky.py",
    "visionml/serving/truth_records.py",
    "visionml/serving/truths.py",
    "visionml/serving/uploads.py",
    "visionml/handlers",
)
"""What Lambda functions run: the light rooms, nothing that needs numpy or torch."""

VISION = (
    *_BASE,
    "visionml/imaging",
    "visionml/intake",
    "visionml/dataset",
    "visionml/model",
    "visionml/training",
    "visionml/evaluation",
    "visionml/registry",
    "visionml/serving",
    "visionml/experiments",
    "visionml/monitoring",
    "visionml/batch",
    "infra/images/vision",
)
"""The build context of the image that prepares, trains, evaluates, serves and runs batches."""

SEED = ("infra/images/seed",)
"""The build context of what an endpoint runs until a first model is promoted."""

_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")


@contextmanager
def staged(parts: Sequence[str], *, root: Path = ROOT) -> Iterator[str]:
    """Yield a temporary folder that holds these files and folders of the repository only."""
    with TemporaryDirectory(prefix="visionml-") as folder:
        for part in parts:
            source, target = root / part, Path(folder, part)
            if source.is_dir():
                shutil.copytree(source, target, ignore=_LEFT_OUT)
            elif source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
            else:
                raise NotFound(
                    f"{source} does not exist, so its asset cannot be made.",
                    hint="Synthesise from a complete checkout of the repository.",
                )
        yield folder
