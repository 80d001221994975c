"""The detector: who says what images show, by which rules it decides, what it makes of one."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, Protocol

import pandas as pd

from visionml.aws.executions import Step
from visionml.aws.rekognition import Labels, Rekognition
from visionml.aws.s3 import Location
from visionml.contracts.detector import Detection
from visionml.contracts.lineage import run_node
from visionml.dataset.drawn.collection import IMAGES, write_animals
from visionml.desks.card import Card
from visionml.desks.datasets import Datasets
from visionml.desks.platform import Platform
from visionml.desks.runs import Runs
from visionml.errors import InvalidInput, NotFound
from visionml.imaging.header import Limits
from visionml.imaging.previews import previews
from visionml.intake.deciding import decide

DATASET = "animals"
"""Drawn cats, dogs and other things: what the labels come from where nobody else gives any."""
RECIPE: Mapping[str, object] = {
    "image_size": 64,
    "pooling": "both",
    "dropout": 0.1,
    "epochs": 20,
    "batch_size": 32,
    "learning_rate": 8e-3,
    "label_smoothing": 0.02,
    "smallest_crop": 0.8,
    "flip": 0.5,
}
"""How `small-cnn` learns them: measured, `data_samples/README.md` has the figures."""

_NONE_YET = "none yet: session.detector.prepare()"
_IMAGE_ID = re.compile(r"[0-9a-f]{32}")


class Labeller(NamedTuple):
    """A model that gives labels."""

    version: str
    artefact: str


class LabelSource(Protocol):
    """Who answers when the detector asks Rekognition."""

    @property
    def name(self) -> str:
        """Who it is."""

    @property
    def takes_models(self) -> bool:
        """Whether it answers by a model that is registered with it."""

    def registered(self) -> Labeller | None:
        """Return the model that is registered, or None."""

    def register(self, *, artefact: str, version: str) -> None:
        """Let it answer by a model from now on, given the address of its artefact."""


class Rekognised:
    """Amazon Rekognition, with its own model."""

    name = "Amazon Rekognition, by its own model"
    takes_models = False

    def registered(self) -> Labeller | None:
        """Return None: nobody registers models there."""
        return None

    def register(self, *, artefact: str, version: str) -> None:  # noqa: ARG002 - as the others
        """Refuse.

        Raises
        ------
        InvalidInput
            Always.
        """
        raise InvalidInput(
            "Amazon Rekognition gives its labels by its own model; none can be registered.",
            hint="Models of your own answer at the endpoint: `visionml promote`.",
        )


class Looked(Card):
    """What the detector makes of one image: its decision, why, and the labels it goes by."""

    def __init__(self, what: str, detection: Detection, seen: Labels) -> None:
        doubt = detection.uncertainty
        told = {
            "animal": detection.animal,
            "confidence": f"{detection.confidence:.1f}",
            "uncertain": f"{doubt.value}: {detection.reason}" if doubt else "no",
            "labels": ", ".join(f"{each.name} {each.confidence:.1f}" for each in seen.labels[:5]),
            "by": seen.model_version,
        }
        super().__init__(what, told)
        self.detection = detection
        self._seen = seen

    def labels(self) -> pd.DataFrame:
        """Return every label with its confidence and its parents, the surest first."""
        rows = [(each.name, each.confidence, ", ".join(each.parents)) for each in self._seen.labels]
        return pd.DataFrame(rows, columns=pd.Index(["label", "confidence", "parents"]))


class Detector:
    """The detector of an environment."""

    def __init__(
        self,
        platform: Platform,
        source: LabelSource,
        *,
        datasets: Datasets,
        runs: Runs,
    ) -> None:
        self._platform, self._source = platform, source
        self._datasets, self._runs = datasets, runs

    def prepare(
        self,
        *,
        images: int = IMAGES,
        on_step: Callable[[Step], None] | None = None,
        **hyperparameters: object,
    ) -> Card:
        """See to it that images get labels, and return `describe`.

        On an account nothing is to be done. Elsewhere a model of the drawn animals labels images
        from then on, trained for it where none is registered with the platform: so many `images`
        are drawn, and `RECIPE` may be overridden. It gives labels even where the gates keep it
        from production. A model that gives labels already stays.

        Raises
        ------
        JobFailed
            It could not be trained.
        """
        if self._source.takes_models and self._labeller() is None:
            version = self._trained_before()
            if version is None:
                version = self._train(images, on_step=on_step, **{**RECIPE, **hyperparameters})
            self.use(version)
        return self.describe()

    def use(self, version: str) -> None:
        """Let labels come from a model version, whose classes are their names.

        It may be one that the gates have kept from being registered.

        Raises
        ------
        InvalidInput
            Models cannot be registered here.
        NotFound
            No run has made such a version, or its artefact is gone.
        """
        chosen = self._platform.lineage.get(run_node(version)).facts.get("candidate")
        artefact = str(chosen["artefact_s3_uri"]) if isinstance(chosen, dict) else ""
        if not artefact or not self._platform.objects.exists(artefact):
            raise NotFound(
                f"There is no artefact of {version}.",
                hint="Choose a newer version: `session.models.registered()`.",
            )
        self._source.register(artefact=artefact, version=version)

    def describe(self) -> Card:
        """Return who gives the labels and by which rules they are judged."""
        rules = self._platform.settings.detector.rules
        labeller = self._labeller()
        told = {"labels by": self._source.name}
        if self._source.takes_models:
            told["model"] = labeller.version if labeller else _NONE_YET
            told |= {"trained on": self._dataset_of(labeller.version)} if labeller else {}
        for animal, names in rules.animals.items():
            told[f"a {animal} is"] = ", ".join(names)
        told |= {
            "an animal from": f"{rules.minimum_confidence:g} on",
            "certain from": f"{rules.certain_confidence:g} on",
            "two animals apart by": f"{rules.smallest_gap:g} at least",
        }
        return Card(f"Detector of {self._platform.settings.environment}", told)

    def detect(self, image: Path | str) -> Looked:
        """Return what the detector makes of a file, or of an image that intake has accepted.

        It looks at what intake would show it, the largest preview, and changes nothing.

        Raises
        ------
        InvalidInput
            The file cannot be read.
        ImageRefused
            It is no image that intake accepts.
        NotFound
            There is no such image, or none left.
        Unavailable
            Nobody gives labels now.
        """
        settings = self._platform.settings
        rules = settings.detector.rules
        engine = Rekognition(self._platform.aws.client("rekognition"))
        seen = engine.labels(
            self._shown(str(image)), most=rules.maximum_labels, least=rules.noticed
        )
        detection = decide(seen.labels, rules, label_model_version=seen.model_version)
        return Looked(str(image), detection, seen)

    def _shown(self, image: str) -> Location | bytes:
        """Return what the engine is shown: a preview in S3, or a file's."""
        if _IMAGE_ID.fullmatch(image) and not Path(image).exists():
            known = self._platform.images.get(image).previews
            if not known:
                raise NotFound(f"The image {image} has no preview to look at.")
            return Location(self._platform.bucket("images"), known[max(known, key=int)])
        limits = self._platform.settings.images
        try:
            content = Path(image).read_bytes()
        except OSError as error:
            raise InvalidInput(
                f"{image} cannot be read: {error.strerror}.",
                hint="Give a JPEG, PNG or WebP file, or an image's id.",
            ) from error
        allowed = Limits(bytes=limits.upload_limit_bytes, pixels=limits.pixel_limit)
        made = previews(content, sizes=limits.preview_sizes, limits=allowed).by_size
        return made[max(made)].content

    def _labeller(self) -> Labeller | None:
        """Return the model that gives labels, if its artefact is still there."""
        found = self._source.registered()
        return found if found and self._platform.objects.exists(found.artefact) else None

    def _trained_before(self) -> str | None:
        """Return the newest model of the drawn animals that can still be used."""
        known = self._platform.versions.registered()
        usable = (each for each in known if each.dataset == DATASET and not each.expired)
        return next((each.version for each in usable), None)

    def _train(
        self, images: int, *, on_step: Callable[[Step], None] | None, **hyperparameters: Any
    ) -> str:
        say = self._platform.say
        say(f"Drawing {images} pictures of cats, dogs and other things.")
        with TemporaryDirectory() as folder:
            drawn = write_animals(Path(folder) / DATASET, images=images)
            dataset = self._datasets.import_source(drawn, name=DATASET)
        say(f"Training on {dataset.name}@{dataset.version}.")
        run = self._runs.start(dataset.name, dataset.version, **hyperparameters)
        outcome = run.watch(on_step=on_step, accept_rejection=True)
        if outcome.status == "rejected":
            say(f"It gives labels, but would not serve: {outcome.reason}")
        return run.run_id

    def _dataset_of(self, version: str) -> str:
        node = self._platform.lineage.find(run_node(version))
        known = node.facts if node else {}
        return f"{known.get('dataset', 'unknown')}@{known.get('dataset_version', 'unknown')}"
