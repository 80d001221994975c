"""During a rollout the endpoint is asked for images whose class is known.

A model that answers wrongly gives no error and is not slow, so no alarm on the endpoint's own
metrics sees it. It cannot be addressed either: which fleet answers is SageMaker's choice. So each
image is asked for until the version that is rolled out has answered it, or for long enough.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from visionml.contracts.inference import ContainerPrediction
from visionml.contracts.probes import ProbeReport, ProbeRequest
from visionml.contracts.registry import VersionRecord
from visionml.errors import InvalidInput
from visionml.promotion.known_images import KnownImage
from visionml.registry.versions import Versions

AT_ONCE = 8
TURNS = 12
"""With a tenth of the traffic, a version has then answered 7 of 10 images."""
SILENT_TURNS = 3
"""A version that has answered none of 20 images by then has no traffic: 1 in 500 is wrong."""
SECONDS = 18.0
"""The longest look, without the answers that are under way when it ends."""
LEAST_SHARE = 4
"""A figure rests on a quarter of the images at least, so that one answer decides nothing."""

Ask = Callable[[KnownImage], ContainerPrediction | None]
"""Ask for one image; None when there was no usable answer."""


def reference(request: ProbeRequest, versions: Versions) -> VersionRecord:
    """Return the version whose dataset's holdout tells right from wrong.

    A promotion is measured by what serves: the new version's own holdout may share its faults. A
    rollback is measured by its own, since what serves is in doubt; so is a first promotion.

    Raises
    ------
    NotFound
        The version that is rolled out is not registered.
    """
    serving = versions.active() if request.kind == "promotion" else None
    if serving and serving != request.model_version:
        try:
            found = versions.find(serving)
        except InvalidInput:  # the parameter was overwritten by hand
            found = None
        if found:
            return found
    return versions.read(request.model_version)


@dataclass
class _Tally:
    version: str
    asked: int = 0
    by_it: int = 0
    by_others: int = 0
    failed: int = 0
    judged: int = 0
    right: int = 0

    def take(self, image: KnownImage, answer: ContainerPrediction | None) -> bool:
        """Count an answer; return whether the image is done with."""
        self.asked += 1
        if answer is None:
            self.failed += 1
        elif answer.model_version != self.version:
            self.by_others += 1
        else:
            self.by_it += 1
            if image.label in answer.probabilities:
                self.judged += 1
                self.right += answer.label == image.label
            return True
        return False


def look(
    images: Sequence[KnownImage],
    version: str,
    *,
    ask: Ask,
    seconds: float = SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> ProbeReport:
    """Ask for images until `version` has answered each, or turns or `seconds` have run out.

    Images of classes that the version does not know are not judged.
    """
    tally = _Tally(version)
    pending = list(images)
    give_up = clock() + seconds
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for turn in range(TURNS):
            if not pending or (turn == SILENT_TURNS and not tally.by_it):
                break
            left = []
            for some in _batches(pending):
                if clock() >= give_up:
                    return _report(tally, len(images))
                answers = pool.map(ask, some)
                left += [
                    image
                    for image, answer in zip(some, answers, strict=True)
                    if not tally.take(image, answer)
                ]
            pending = left
    return _report(tally, len(images))


def _batches(images: Sequence[KnownImage]) -> Iterator[Sequence[KnownImage]]:
    for start in range(0, len(images), AT_ONCE):
        yield images[start : start + AT_ONCE]


def _report(tally: _Tally, images: int) -> ProbeReport:
    enough = tally.judged >= max(1, -(-images // LEAST_SHARE))
    return ProbeReport(
        model_version=tally.version,
        asked=tally.asked,
        answered_by_it=tally.by_it,
        answered_by_others=tally.by_others,
        failed=tally.failed,
        judged=tally.judged,
        right=tally.right,
        accuracy=tally.right / tally.judged if enough else None,
    )
