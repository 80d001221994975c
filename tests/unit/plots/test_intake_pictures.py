"""The pictures of intake and the detector."""

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle

from visionml.contracts.detector import DetectorRules, UncertainImage, Uncertainty
from visionml.contracts.images import ProcessingStatus
from visionml.contracts.intake import (
    FileKind,
    RedactionMethod,
    RedactionRecord,
    Refusal,
    RefusalReason,
    Region,
    RegionKind,
)
from visionml.dataset.samples import grey_png
from visionml.plots import intake
from visionml.plots.picture import ORANGE, Picture

WIDE = grey_png(np.full((40, 80), 200, np.uint8))
SMALL = grey_png(np.full((20, 40), 100, np.uint8))
REFUSAL = Refusal(
    reason=RefusalReason.TRUNCATED,
    kind=FileKind.JPEG,
    sentence="It ends too early.",
    file_size=12_345,
    sha256="0" * 64,
)
HIDDEN = RedactionRecord(
    engine="offline",
    method=RedactionMethod.BOX,
    looked_for=(RegionKind.FACE, RegionKind.TEXT),
    regions=(
        Region(kind=RegionKind.FACE, top=1, left=2, height=10, width=20),
        Region(kind=RegionKind.TEXT, top=20, left=2, height=5, width=20),
    ),
    original_sha256="0" * 64,
    redacted_sha256="1" * 64,
)
NOTICE = UncertainImage(
    image_id="0" * 32,
    uncertainty=Uncertainty.LOW_CONFIDENCE,
    reason="The image shows a cat with a confidence of 61.0.",
    animal="cat",
    confidence=61.0,
    s3_location="s3://images/cats/0.jpg",
    preview_url=None,
    preview_expires=datetime(2026, 1, 2, tzinfo=UTC),
)
TABLE = pd.DataFrame(
    {
        "status": ["organised", "uncertain", "refused", "organised"],
        "animal": ["cat", "cat", None, "dog"],
        "confidence": [99.0, 61.0, None, 97.0],
    }
)

DRAWN: dict[str, tuple[Callable[[], Picture], str]] = {
    "admission": (
        lambda: intake.admission([("a.jpg", WIDE)], [("b.jpg", REFUSAL)]),
        "1 accepted images; 1 refused files: b.jpg: truncated.",
    ),
    "nothing refused": (
        lambda: intake.admission([("a.jpg", WIDE)], []),
        "1 accepted images; 0 refused files: none.",
    ),
    "previews": (
        lambda: intake.previews({150: SMALL, 300: WIDE}, title="Two"),
        "Two: 40 by 20, 80 by 40 pixels.",
    ),
    "side by side": (
        lambda: intake.side_by_side(WIDE, SMALL, titles=("as sent", "as kept")),
        "Two images side by side: as sent; as kept.",
    ),
    "redaction": (
        lambda: intake.redaction(WIDE, WIDE, HIDDEN),
        "An image before and after redaction; found: 1 x face, 1 x text.",
    ),
    "nothing to redact": (
        lambda: intake.redaction(WIDE, WIDE, HIDDEN.model_copy(update={"regions": ()})),
        "An image before and after redaction; found: nothing.",
    ),
    "folders": (
        lambda: intake.folders({"cats/": [("cat", WIDE)] * 9, "dogs/": [("dog", SMALL)]}),
        "Images of the folders cats/ with 9, dogs/ with 1.",
    ),
    "no folders": (lambda: intake.folders({}), "Images of the folders ."),
    "confidence": (
        lambda: intake.confidence(TABLE, DetectorRules()),
        "The confidence in 3 images by animal; 1 of them are uncertain.",
    ),
    "alert": (
        lambda: intake.alert(NOTICE, WIDE, subject="Please look"),
        "A notice of an uncertain image: cat with 61.0 percent.",
    ),
    "statuses": (
        lambda: intake.statuses(TABLE),
        "Images by status: organised 2, uncertain 1, refused 1.",
    ),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_is_a_png_with_a_description(name: str) -> None:
    draw, description = DRAWN[name]
    content, metadata = draw()._repr_png_()
    assert content.startswith(b"\x89PNG")
    assert metadata["alt"] == description


@pytest.mark.parametrize("name", ["confidence", "statuses"])
def test_axes_of_a_chart_have_labels_and_titles(name: str) -> None:
    (axes,) = DRAWN[name][0]().figure.axes
    assert axes.get_xlabel()
    assert axes.get_title(loc="left")


def test_previews_keep_the_sizes_that_they_have_to_one_another() -> None:
    drawn = intake.previews({150: SMALL, 300: WIDE}).figure.axes[0].images
    (small, wide) = (image.get_extent() for image in drawn)
    assert wide[1] - wide[0] == 2 * (small[1] - small[0])
    assert wide[2] == small[2]


def test_every_region_that_was_hidden_is_outlined_before() -> None:
    before, after = intake.redaction(WIDE, WIDE, HIDDEN).figure.axes
    corners = [patch.xy for patch in before.patches if isinstance(patch, Rectangle)]
    assert corners == [(2, 1), (2, 20)]
    assert not after.patches


def test_a_refused_file_shows_its_kind_and_its_reason() -> None:
    axes = intake.admission([], [("b.jpg", REFUSAL)]).figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["jpeg\n12 kB"]
    assert axes.get_xlabel() == "truncated"


def test_every_status_has_a_colour_of_its_own() -> None:
    assert set(intake.STATUS_COLOURS) == set(ProcessingStatus)
    assert len(set(intake.STATUS_COLOURS.values())) == len(ProcessingStatus)
    assert intake.STATUS_COLOURS[ProcessingStatus.UNCERTAIN] == ORANGE
