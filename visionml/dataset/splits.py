"""Which image goes to which side: stratified, seeded, and never one image on two sides.

Images that share a group or a content hash form one unit, and a unit is placed whole. Units are
placed largest first, each where its classes miss the largest share of their quota; that is the
greedy rule of iterative stratification (Sechidis et al. 2011) over units instead of images. Where
groups reach across classes so that a side would lack a class, other orders are tried.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from visionml.contracts.dataset import SPLITS, Split
from visionml.errors import DatasetInvalid

Fractions = tuple[float, float, float]
DEFAULT_FRACTIONS: Fractions = (0.7, 0.15, 0.15)
_ATTEMPTS = 50


@dataclass(frozen=True)
class Candidate:
    """What splitting needs to know of one image; ``sha256`` is of its bytes."""

    key: str
    label: str
    sha256: str
    group: str | None = None


def assign(
    candidates: Sequence[Candidate],
    *,
    seed: int = 0,
    fractions: Fractions = DEFAULT_FRACTIONS,
) -> dict[str, Split]:
    """Return the split of each candidate's key; `fractions` are train, validation, holdout.

    The result depends on the images and the seed alone, not on the order they come in.

    Raises
    ------
    DatasetInvalid
        A class cannot stand on every side: it has too few images or too few groups, or it
        shares its groups with other classes in a way that leaves a side without it.
    """
    _check_fractions(fractions)
    units = _units(candidates)
    quotas = _quotas(candidates, units, fractions)
    placed = _placed(units, quotas, seed=seed, largest_first=True)
    for attempt in range(_ATTEMPTS):
        if not _uncovered(quotas, placed):
            break
        placed = _placed(units, quotas, seed=f"{seed}.{attempt}", largest_first=False)
    for label, split in _uncovered(quotas, placed):
        raise DatasetInvalid(
            f"No image of the class {label!r} could be placed in {split}: its groups are too few, "
            "or shared with too many images of other classes.",
            hint="Use a finer group pattern, or add images of that class.",
        )
    return {member.key: split for split, members in placed.items() for member in members}


def checked(candidates: Sequence[Candidate], given: Mapping[str, Split]) -> dict[str, Split]:
    """Return splits that somebody else has made, by key, when they leak nothing.

    Raises
    ------
    DatasetInvalid
        A candidate has no split, a group or a content stands on two sides, a split has no
        images, or a class has none to train on.
    """
    without = [candidate.key for candidate in candidates if candidate.key not in given]
    if without:
        raise DatasetInvalid(
            f"{len(without)} of {len(candidates)} images have no split, such as {without[0]}.",
            hint="Give every image a split, or none.",
        )
    for unit in _units(candidates):
        sides = sorted({given[member.key] for member in unit})
        if len(sides) > 1:
            raise DatasetInvalid(
                f"{unit[0].key} and {len(unit) - 1} more belong to one group, but stand in "
                f"{' and '.join(sides)}.",
                hint="Put each group on one side of the split.",
            )
    empty = [split for split in SPLITS if split not in given.values()]
    if empty:
        raise DatasetInvalid(
            f"No image stands in {', '.join(empty)}.", hint="Every split needs images."
        )
    labels = {candidate.label for candidate in candidates}
    trained = {candidate.label for candidate in candidates if given[candidate.key] == "train"}
    if labels - trained:
        raise DatasetInvalid(
            f"The class {min(labels - trained)!r} has no image in train.",
            hint="Put images of every class into train.",
        )
    return {candidate.key: given[candidate.key] for candidate in candidates}


def _placed(
    units: Sequence[Sequence[Candidate]],
    quotas: dict[str, dict[Split, int]],
    *,
    seed: int | str,
    largest_first: bool,
) -> dict[Split, list[Candidate]]:
    """Place every unit on the side that needs its classes most."""
    counts: dict[Split, Counter[str]] = {split: Counter() for split in SPLITS}
    placed: dict[Split, list[Candidate]] = {split: [] for split in SPLITS}
    for unit in sorted(units, key=lambda u: (-len(u) if largest_first else 0, _draw(u, seed))):
        labels = Counter(member.label for member in unit)
        split = max(SPLITS, key=lambda side: _need(labels, quotas, counts, side))
        counts[split].update(labels)
        placed[split].extend(unit)
    return placed


def _uncovered(
    quotas: dict[str, dict[Split, int]], placed: dict[Split, list[Candidate]]
) -> list[tuple[str, Split]]:
    """Return the classes that are missing on a side, and the side."""
    found = {split: {member.label for member in members} for split, members in placed.items()}
    return [
        (label, split) for label in sorted(quotas) for split in SPLITS if label not in found[split]
    ]


def _check_fractions(fractions: Fractions) -> None:
    if min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-6:
        raise DatasetInvalid(
            f"The split fractions {fractions} are not three positive numbers that add up to 1.",
            hint="Use for example 0.7, 0.15, 0.15.",
        )


def _units(candidates: Iterable[Candidate]) -> list[list[Candidate]]:
    """Join candidates that share a hash or a group, directly or through others."""
    parent: dict[str, str] = {}

    def root(node: str) -> str:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    members = list(candidates)
    for candidate in members:
        if candidate.group is not None:
            parent[root(f"sha256:{candidate.sha256}")] = root(f"group:{candidate.group}")
    units: defaultdict[str, list[Candidate]] = defaultdict(list)
    for candidate in members:
        units[root(f"sha256:{candidate.sha256}")].append(candidate)
    return list(units.values())


def _quotas(
    candidates: Sequence[Candidate], units: Sequence[Sequence[Candidate]], fractions: Fractions
) -> dict[str, dict[Split, int]]:
    """Return how many images of each class belong to each split, at least one each."""
    images = Counter(candidate.label for candidate in candidates)
    spread = Counter(label for unit in units for label in {member.label for member in unit})
    for label in sorted(images):
        if spread[label] < len(SPLITS):
            raise DatasetInvalid(_too_few(label, images[label], spread[label]), hint=_TOO_FEW_HINT)
    return {label: _share_out(count, fractions) for label, count in images.items()}


_TOO_FEW_HINT = "Add images, or leave the class out."


def _too_few(label: str, images: int, units: int) -> str:
    counted = f"{images} image" if images == 1 else f"{images} images"
    if images != units:
        counted += f" in {units} group" + ("" if units == 1 else "s of its own")
    return (
        f"The class {label!r} has only {counted}; train, validation and holdout need at least "
        f"one each that the others do not share, so {len(SPLITS)} in all."
    )


def _share_out(count: int, fractions: Fractions) -> dict[Split, int]:
    """Divide `count` by largest remainders, at least one for each split."""
    ideal = [count * fraction for fraction in fractions]
    quota = [max(1, int(share)) for share in ideal]
    while sum(quota) < count:
        quota[max(range(len(quota)), key=lambda i: ideal[i] - quota[i])] += 1
    while sum(quota) > count:
        quota[max(range(len(quota)), key=lambda i: (quota[i] > 1, quota[i] - ideal[i]))] -= 1
    return dict(zip(SPLITS, quota, strict=True))


def _draw(unit: Sequence[Candidate], seed: int | str) -> str:
    """Return the unit's place in a shuffle that depends on its content and the seed."""
    first = min(member.sha256 for member in unit)
    return hashlib.sha256(f"{seed}:{first}".encode()).hexdigest()


def _need(
    labels: Counter[str],
    quotas: dict[str, dict[Split, int]],
    placed: dict[Split, Counter[str]],
    split: Split,
) -> tuple[float, int]:
    """Return the share of quota that is unfilled on this side, then the size of the quota."""
    share = sum(
        count * (1 - placed[split][label] / quotas[label][split]) for label, count in labels.items()
    )
    return share, sum(quotas[label][split] for label in labels)
