"""The drawn animals and things."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from visionml.dataset.drawn.canvas import Canvas, box, ellipse, mask_of, points, stroke, widened
from visionml.dataset.drawn.collection import (
    IMAGES,
    drawing,
    drawings,
    label_of,
    write_animals,
)
from visionml.dataset.drawn.scene import CLASSES, draw
from visionml.errors import InvalidInput
from visionml.imaging.inspect import inspect

SIDE = 48


def colours(label: str, count: int) -> np.ndarray:
    """Return the mean colours of so many small pictures: (count, 3)."""
    each = [np.random.default_rng([1, CLASSES.index(label), number]) for number in range(count)]
    pictures = [draw(label, random, height=SIDE, width=SIDE) for random in each]
    return np.stack([picture.mean(axis=(0, 1)) for picture in pictures])


def nearest_mean(known: dict[str, np.ndarray], asked: np.ndarray) -> list[str]:
    """Return for each colour the class whose mean lies nearest."""
    labels = sorted(known)
    means = np.stack([known[label].mean(axis=0) for label in labels])
    distances = np.linalg.norm(asked[:, None] - means, axis=2)
    return [labels[number] for number in distances.argmin(axis=1)]


def test_the_same_seed_draws_the_same_picture_and_another_one_another() -> None:
    assert drawing("cat", [7, 3]) == drawing("cat", [7, 3])
    assert drawing("cat", [7, 3]) != drawing("cat", [7, 4])
    assert drawing("cat", [7, 3]) != drawing("dog", [7, 3])


def test_a_larger_set_begins_as_a_smaller_one() -> None:
    assert list(drawings(6)) == list(drawings(9))[:6]


def test_half_the_set_are_animals_and_every_class_is_there() -> None:
    counts = Counter(label_of(number) for number in range(IMAGES))
    assert set(counts) == set(CLASSES)
    assert counts["cat"] == counts["dog"] == IMAGES // 4
    others = {count for label, count in counts.items() if label not in {"cat", "dog"}}
    assert max(others) - min(others) <= 1


def test_pictures_are_images_of_several_sizes_that_intake_accepts() -> None:
    facts = [inspect(drawing("dog", [2, number])) for number in range(40)]
    sizes = {(each.width, each.height) for each in facts}
    assert {each.format for each in facts} == {"jpeg"}
    assert len(sizes) >= 4
    assert all(160 <= side <= 640 for size in sizes for side in size)


def test_no_mean_colour_tells_a_cat_from_a_dog() -> None:
    cats, dogs = colours("cat", 160), colours("dog", 160)
    known = {"cat": cats[:80], "dog": dogs[:80]}
    right = nearest_mean(known, cats[80:]).count("cat") + nearest_mean(known, dogs[80:]).count(
        "dog"
    )
    assert right / 160 == pytest.approx(0.5, abs=0.15)


def test_mean_colours_hardly_tell_any_of_the_classes() -> None:
    drawn = {label: colours(label, 30) for label in CLASSES}
    known = {label: each[:15] for label, each in drawn.items()}
    right = sum(nearest_mean(known, each[15:]).count(label) for label, each in drawn.items())
    assert right / (15 * len(CLASSES)) < 0.3


def test_a_picture_may_hold_two_animals() -> None:
    alone = draw("cat", np.random.default_rng(3), height=120, width=200)
    both = draw("cat", np.random.default_rng(3), height=120, width=200, beside="dog")
    assert both.shape == alone.shape
    assert not np.array_equal(both, alone)


def test_files_lie_in_the_folder_of_their_class_and_stay_when_written_again(tmp_path: Path) -> None:
    folder = write_animals(tmp_path / "animals", images=20)
    files = sorted(folder.rglob("*.jpg"))
    assert sorted(path.name for path in folder.iterdir()) == list(CLASSES)
    assert len(files) == 20
    assert all(path.name.startswith(f"{path.parent.name}-") for path in files)
    written = files[0].stat().st_mtime_ns
    files[1].unlink()
    write_animals(folder, images=20)
    assert files[0].stat().st_mtime_ns == written
    assert files[1].exists()


def test_what_nobody_has_drawn_is_refused() -> None:
    with pytest.raises(InvalidInput, match="unicorn"):
        drawing("unicorn", 1)
    with pytest.raises(InvalidInput, match="too few"):
        write_animals(Path("nowhere"), images=5)


def test_a_shape_covers_its_area_and_edges_only_in_part() -> None:
    mask = mask_of(box(1.5, 2, 4, 5), 8, 8)
    assert mask.covered.sum() == pytest.approx(7.5, abs=0.01)
    assert mask.covered[0, 0] == pytest.approx(0.5, abs=0.01)
    circle = mask_of(ellipse(20, 20, 10, 10), 40, 40)
    assert circle.covered.sum() == pytest.approx(np.pi * 100, rel=0.02)


def test_shapes_beyond_the_canvas_are_cut_or_nothing() -> None:
    assert mask_of(box(-5, -5, 3, 3), 8, 8).covered.sum() == pytest.approx(9, abs=0.01)
    assert mask_of(box(20, 20, 30, 30), 8, 8).covered.size == 0
    canvas = Canvas(8, 8)
    canvas.paint(canvas.mask(box(-50, -50, 50, 50)), (1, 2, 3))
    assert (canvas.pixels == (1, 2, 3)).all()


def test_a_mask_within_another_is_what_both_cover() -> None:
    both = mask_of(box(0, 0, 6, 6), 10, 10).within(mask_of(box(4, 3, 10, 10), 10, 10))
    assert (both.top, both.left) == (3, 4)
    assert both.covered.sum() == pytest.approx(6)
    assert mask_of(box(0, 0, 2, 2), 9, 9).within(mask_of(box(5, 5, 8, 8), 9, 9)).covered.size == 0


@pytest.mark.parametrize("turned", [False, True])
def test_a_shape_grows_whichever_way_round_it_is_given(turned: bool) -> None:
    square = box(0, 0, 10, 10)
    wider = widened(square[::-1] if turned else square, 1)
    assert np.ptp(wider[:, 0]) > 10


def test_a_stroke_is_as_wide_as_it_is_told() -> None:
    line = stroke(points((5.0, 5.0), (10.0, 5.0), (25.0, 5.0)), 2, 2)
    assert np.ptp(line[:, 1]) == pytest.approx(4)
    assert (line[:, 0].min(), line[:, 0].max()) == (3, 27)


def test_the_readme_states_how_many_of_each_class_there_are() -> None:
    readme = (Path(__file__).parents[3] / "data_samples" / "README.md").read_text()
    counts = Counter(label_of(number) for number in range(IMAGES))
    ordered = ["cat", "dog", *(label for label in CLASSES if label not in {"cat", "dog"})]
    assert f"| class | {' | '.join(ordered)} |" in readme
    assert f"| images | {' | '.join(str(counts[label]) for label in ordered)} |" in readme
