"""Pictures of intake and the detector: what came in, what became of it, what people were told."""

from collections.abc import Mapping, Sequence
from math import ceil
from textwrap import fill, shorten

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch, Rectangle

from visionml.contracts.detector import DetectorRules, UncertainImage
from visionml.contracts.images import ProcessingStatus
from visionml.contracts.intake import RedactionRecord, Refusal
from visionml.imaging.header import read_header
from visionml.plots.images import show
from visionml.plots.picture import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    RED,
    SKY,
    Picture,
    bare,
    figure,
    styled,
)

STATUS_COLOURS = {
    ProcessingStatus.ACCEPTED: SKY,
    ProcessingStatus.ORGANISED: GREEN,
    ProcessingStatus.UNCERTAIN: ORANGE,
    ProcessingStatus.FAILED: RED,
    ProcessingStatus.REFUSED: GREY,
    ProcessingStatus.VANISHED: "#C4C8CE",
    ProcessingStatus.FORGOTTEN: "#1F2937",
}
_PAPER = "#F3F4F6"


@styled
def admission(
    accepted: Sequence[tuple[str, bytes]],
    refused: Sequence[tuple[str, Refusal]],
    *,
    columns: int = 6,
) -> Picture:
    """Show what was accepted as it looks, and below it what was refused, with the reasons."""
    above, below = ceil(len(accepted) / columns), ceil(len(refused) / columns)
    made, axes = figure(
        width=7.5, height=1.55 * (above + below), rows=above + below, columns=columns
    )
    for axis in axes:
        bare(axis)
    for axis, (name, content) in zip(axes, accepted, strict=False):
        show(axis, content)
        _captioned(axis, name, "accepted", GREEN)
    for axis, (name, refusal) in zip(axes[above * columns :], refused, strict=False):
        _sheet(axis, refusal)
        _captioned(axis, name, refusal.reason.value.replace("_", " "), RED)
    reasons = ", ".join(f"{name}: {refusal.reason.value}" for name, refusal in refused)
    return Picture(
        made, f"{len(accepted)} accepted images; {len(refused)} refused files: {reasons or 'none'}."
    )


def _captioned(axes: Axes, name: str, verdict: str, colour: str) -> None:
    axes.set_title(_short(name), fontsize=7.5, fontweight="normal", loc="center", pad=2)
    axes.set_xlabel(verdict, fontsize=8.5, color=colour)


def _short(name: str, most: int = 20) -> str:
    return name if len(name) <= most else f"{name[: most - 8]}...{name[-5:]}"


def _sheet(axes: Axes, refusal: Refusal) -> None:
    """Draw a sheet of paper for a file that cannot be shown, with what it is."""
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_aspect("equal")
    axes.add_patch(Rectangle((0.14, 0.03), 0.72, 0.94, facecolor=_PAPER, edgecolor=GREY))
    what = f"{refusal.kind.value}\n{_bytes(refusal.file_size)}"
    axes.text(0.5, 0.5, what, ha="center", va="center", color=GREY, fontsize=8)


def _bytes(count: int) -> str:
    return f"{count} bytes" if count < 10_000 else f"{count / 1000:,.0f} kB"


@styled
def previews(
    by_size: Mapping[int, bytes], *, title: str = "Previews, each in its own size"
) -> Picture:
    """Show previews beside one another, in the sizes that they have to one another."""
    shapes = {size: _shape(content) for size, content in by_size.items()}
    gap = 0.04 * max(width for _, width in shapes.values())
    across = sum(width for _, width in shapes.values()) + gap * (len(shapes) - 1)
    tallest = max(height for height, _ in shapes.values())
    made, (axes,) = figure(width=7.5, height=7.5 * tallest / across + 0.5)
    bare(axes)
    left = 0.0
    for size, (height, width) in shapes.items():
        show(axes, by_size[size], extent=(left, left + width, tallest, tallest - height))
        axes.text(left, tallest + 0.01 * across, f"{width} x {height}", va="top", fontsize=8.5)
        left += width + gap
    axes.set_xlim(0, across)
    axes.set_ylim(tallest + 0.03 * across, 0)
    axes.set_title(title)
    told = ", ".join(f"{width} by {height}" for height, width in shapes.values())
    return Picture(made, f"{title}: {told} pixels.")


def _shape(content: bytes) -> tuple[int, int]:
    header = read_header(content)
    width, height = header.upright_size
    return height, width


@styled
def side_by_side(before: bytes, after: bytes, *, titles: tuple[str, str]) -> Picture:
    """Show an image as it came beside what became of it."""
    made, axes = figure(width=7.5, height=3.4, columns=2)
    for axis, content, title in zip(axes, (before, after), titles, strict=True):
        bare(axis)
        show(axis, content)
        axis.set_title(title)
    return Picture(made, f"Two images side by side: {titles[0]}; {titles[1]}.")


@styled
def redaction(before: bytes, after: bytes, record: RedactionRecord) -> Picture:
    """Show an image with what was found in it, beside what everything after intake sees."""
    made, (left, right) = figure(width=7.5, height=4.0, columns=2)
    for axis, content in ((left, before), (right, after)):
        bare(axis)
        show(axis, content)
    for region in record.regions:
        place, size = (region.left, region.top), (region.width, region.height)
        colour = RED if region.kind == "face" else BLUE
        left.add_patch(Rectangle(place, *size, fill=False, edgecolor=colour, linewidth=1.2))
    kinds = [region.kind.value for region in record.regions]
    found = ", ".join(f"{kinds.count(kind)} x {kind}" for kind in dict.fromkeys(kinds)) or "nothing"
    left.set_title(f"Found: {found}")
    right.set_title(f"Hidden: {record.method.value}")
    return Picture(made, f"An image before and after redaction; found: {found}.")


@styled
def folders(
    contents: Mapping[str, Sequence[tuple[str, bytes]]], *, columns: int = 8, rows: int = 2
) -> Picture:
    """Show the first images of each folder, as many as fit, each with a caption."""
    sheets = {folder: images for folder, images in contents.items() if images}
    heights = {name: min(rows, ceil(len(images) / columns)) for name, images in sheets.items()}
    total = max(1, sum(heights.values()))
    made, axes = figure(width=7.5, height=0.3 + 1.2 * total, rows=total, columns=columns)
    for axis in axes:
        bare(axis)
    start = 0
    for folder, images in sheets.items():
        for axis, (caption, content) in zip(
            axes[start : start + heights[folder] * columns], images, strict=False
        ):
            show(axis, content)
            axis.set_xlabel(caption, fontsize=7.5)
        axes[start].set_title(f"{folder}  ({len(images)})", loc="left")
        start += heights[folder] * columns
    told = ", ".join(f"{folder} with {len(images)}" for folder, images in contents.items())
    return Picture(made, f"Images of the folders {told}.")


@styled
def confidence(table: pd.DataFrame, rules: DetectorRules) -> Picture:
    """Show how sure the detector was of each image, and which were put before people.

    `table` has the columns ``animal``, ``confidence`` and ``status``.
    """
    shown = table.dropna(subset=["animal", "confidence"])
    animals = sorted(shown["animal"].unique())
    made, (axes,) = figure(width=7.5, height=0.9 + 0.7 * max(1, len(animals)))
    for status in (ProcessingStatus.ORGANISED, ProcessingStatus.UNCERTAIN, ProcessingStatus.FAILED):
        part = shown[shown["status"] == status.value]
        if part.empty:
            continue
        # one above the other where they would hide one another
        place = part["animal"].map(animals.index) + 0.12 * (
            part.groupby("animal").cumcount() % 5 - 2
        )
        colour = STATUS_COLOURS[status]
        axes.scatter(part["confidence"], place, color=colour, alpha=0.8, label=status.value)
    axes.axvline(rules.certain_confidence, color=GREY, linestyle="--", label="certain from here on")
    axes.set_yticks(range(len(animals)), animals)
    axes.set_ylim(-0.6, max(0, len(animals) - 1) + 0.6)
    axes.set_xlim(0, 102)
    axes.set_xlabel("confidence in percent")
    axes.set_title("How sure the detector was")
    axes.legend(loc="upper left", fontsize=8.5)
    doubtful = int((shown["status"] == ProcessingStatus.UNCERTAIN).sum())
    return Picture(
        made, f"The confidence in {len(shown)} images by animal; {doubtful} of them are uncertain."
    )


@styled
def alert(notice: UncertainImage, preview: bytes, *, subject: str = "") -> Picture:
    """Show a notice as a card: the preview, what the detector thinks, and why it doubts."""
    made, (left, right) = figure(width=7.5, height=2.9, columns=2)
    bare(left)
    show(left, preview)
    bare(right)
    right.set_xlim(0, 1)
    right.set_ylim(0, 1)
    frame = FancyBboxPatch(
        (0.02, 0.04), 0.96, 0.92, boxstyle="round,pad=0,rounding_size=0.04",
        facecolor="#FFF8E6", edgecolor=ORANGE,
    )  # fmt: skip
    right.add_patch(frame)
    headline = shorten(subject, 110) or notice.uncertainty.value.replace("_", " ")
    right.text(0.07, 0.88, fill(headline, 36), va="top", fontweight="bold", fontsize=9.5)
    expires = f"{notice.preview_expires:%Y-%m-%d %H:%M} UTC" if notice.preview_expires else "none"
    lines = [
        f"{notice.animal}, {notice.confidence:.1f} %",
        notice.reason,
        f"link to the preview until: {expires}",
    ]
    text = "\n".join(fill(line, 44) for line in lines)
    right.text(0.07, 0.62, text, va="top", fontsize=9, linespacing=1.5)
    return Picture(
        made,
        f"A notice of an uncertain image: {notice.animal} with {notice.confidence:.1f} percent.",
    )


@styled
def statuses(table: pd.DataFrame) -> Picture:
    """Show how many images have come how far; `table` has the column ``status``."""
    counts = table["status"].value_counts()
    known = [status for status in ProcessingStatus if counts.get(status.value)]
    made, (axes,) = figure(width=7.5, height=0.9 + 0.35 * max(1, len(known)))
    names = [status.value for status in known]
    values = [int(counts[name]) for name in names]
    bars = axes.barh(names, values, color=[STATUS_COLOURS[status] for status in known])
    axes.bar_label(bars, padding=3)
    axes.invert_yaxis()
    axes.set_xlabel("images")
    axes.set_title("What became of the images")
    told = ", ".join(f"{name} {value}" for name, value in zip(names, values, strict=True))
    return Picture(made, f"Images by status: {told or 'none'}.")
