"""Images that a dataset version has lost because somebody asked to forget them.

The manifest stays as it is, since its hash is the version: what is forgotten stands beside it,
and no shard holds such an image any more. Beside each shard that would stands what it leaves out.
"""

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from visionml.contracts.dataset import ManifestEntry, Omission


def hashes(keys: Iterable[str]) -> frozenset[str]:
    """Return the SHA-256 of each image that one of the keys below ``forgotten/`` stands for."""
    return frozenset(PurePosixPath(key).stem for key in keys if key.endswith(".json"))


def without(
    rows: Sequence[ManifestEntry], forgotten: frozenset[str]
) -> tuple[list[ManifestEntry], list[Omission]]:
    """Return the images of a shard that may be in it, and what is left out."""
    kept = [row for row in rows if row.sha256 not in forgotten]
    return kept, [Omission(key=r.key, label=r.label) for r in rows if r.sha256 in forgotten]


def omissions_file(name: str) -> str:
    """Return the name of the file that says what the shard of a name leaves out."""
    return f"{name}.omitted.jsonl"
