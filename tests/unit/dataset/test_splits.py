"""Which image goes to which side."""

from collections import Counter, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from visionml.contracts.dataset import SPLITS, Split
from visionml.dataset.splits import Candidate, assign, checked
from visionml.errors import DatasetInvalid


def images(label: str, count: int, *, groups: int | None = None) -> list[Candidate]:
    return [
        Candidate(
            key=f"{label}/{i}",
            label=label,
            sha256=f"{label}{i}",
            group=None if groups is None else f"{label}-group{i % groups}",
        )
        for i in range(count)
    ]


@st.composite
def tangled(draw: st.DrawFn) -> list[Candidate]:
    """Sets with repeated content and groups that reach across classes, and a few plain images."""
    letters = st.sampled_from("abc")
    groups = st.none() | st.integers(0, 12).map(str)
    drawn = draw(st.lists(st.tuples(letters, st.integers(0, 60).map(str), groups), max_size=60))
    knots = [
        Candidate(key=f"{number}", label=label, sha256=sha256, group=group)
        for number, (label, sha256, group) in enumerate(drawn)
    ]
    return [*knots, *images("a", 3), *images("b", 3), *images("c", 3)]


@given(tangled(), st.integers(0, 100))
def test_no_content_and_no_group_ever_stands_on_two_sides(
    candidates: list[Candidate], seed: int
) -> None:
    splits = assign(candidates, seed=seed)
    sides = defaultdict(set)
    for candidate in candidates:
        sides["content", candidate.sha256].add(splits[candidate.key])
        if candidate.group is not None:
            sides["group", candidate.group].add(splits[candidate.key])
    assert all(len(found) == 1 for found in sides.values())


@given(tangled(), st.integers(0, 100))
def test_every_class_stands_on_every_side(candidates: list[Candidate], seed: int) -> None:
    splits = assign(candidates, seed=seed)
    for label in "abc":
        found = {splits[image.key] for image in candidates if image.label == label}
        assert found == set(SPLITS)


@given(st.dictionaries(st.sampled_from("abcd"), st.integers(3, 200), min_size=1), st.integers(0))
def test_each_class_keeps_the_fractions_to_one_image(sizes: dict[str, int], seed: int) -> None:
    candidates = [image for label, count in sizes.items() for image in images(label, count)]
    splits = assign(candidates, seed=seed)
    counts = Counter((image.label, splits[image.key]) for image in candidates)
    for label, size in sizes.items():
        for split, fraction in zip(SPLITS, (0.7, 0.15, 0.15), strict=True):
            assert abs(counts[label, split] - size * fraction) <= 1.11
            assert counts[label, split] >= 1


def test_the_order_of_the_images_plays_no_part() -> None:
    candidates = [*images("a", 40), *images("b", 30, groups=7)]
    assert assign(candidates) == assign(candidates[::-1])


def test_another_seed_gives_another_split() -> None:
    candidates = images("a", 40)
    assert assign(candidates, seed=1) != assign(candidates, seed=2)


def test_groups_of_one_class_reach_every_side() -> None:
    candidates = images("a", 40, groups=4)
    splits = assign(candidates)
    counts = Counter(splits[image.key] for image in candidates)
    assert counts == {"train": 20, "validation": 10, "holdout": 10}


@pytest.mark.parametrize("count", [1, 2])
def test_a_class_with_too_few_images_is_named(count: int) -> None:
    with pytest.raises(DatasetInvalid, match=rf"class 'b' has only {count} image.*3 in all"):
        assign([*images("a", 10), *images("b", count)])


def test_a_class_with_too_few_groups_is_named() -> None:
    with pytest.raises(DatasetInvalid, match="class 'a' has only 10 images in 2 groups"):
        assign(images("a", 10, groups=2))


@pytest.mark.parametrize("fractions", [(0.7, 0.2, 0.2), (1.0, 0.0, 0.0), (0.5, 0.6, -0.1)])
def test_fractions_must_be_three_shares_of_one(fractions: tuple[float, float, float]) -> None:
    with pytest.raises(DatasetInvalid, match="add up to 1"):
        assign(images("a", 10), fractions=fractions)


MADE = [
    Candidate("a", "cat", "1", "x"),
    Candidate("b", "cat", "2", "x"),
    Candidate("c", "cat", "3"),
    Candidate("d", "dog", "4"),
    Candidate("e", "dog", "5"),
]
GOOD: dict[str, Split] = {
    "a": "train",
    "b": "train",
    "c": "holdout",
    "d": "train",
    "e": "validation",
}


def test_splits_that_leak_nothing_are_taken_as_they_are() -> None:
    assert checked(MADE, GOOD) == GOOD


@pytest.mark.parametrize(
    ("splits", "sentence"),
    [
        ({**GOOD, "b": "holdout"}, "belong to one group, but stand in holdout and train"),
        ({**GOOD, "c": "train"}, "No image stands in holdout"),
        ({**GOOD, "d": "holdout"}, "class 'dog' has no image in train"),
        ({k: v for k, v in GOOD.items() if k != "e"}, "1 of 5 images have no split, such as e"),
    ],
)
def test_splits_that_leak_or_lack_something_are_refused(
    splits: dict[str, Split], sentence: str
) -> None:
    with pytest.raises(DatasetInvalid, match=sentence):
        checked(MADE, splits)
