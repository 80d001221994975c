"""Scans and photographs in any number, a small network that reads them, and how they may shift.

The scans are scikit-learn's 1,797 handwritten digits, the photographs those that scikit-learn and
scikit-image bring along. Every image is one of them, or a cut-out, turned, moved and exposed a
little differently, with a camera's noise: two draws are alike, and no two images the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import simplejpeg
import skimage
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter
from sklearn.datasets import load_digits, load_sample_images
from torch import nn
from torch.nn.functional import cross_entropy, grid_sample

from visionml.imaging.statistics import Source, summary
from visionml.model import small_cnn
from visionml.monitoring.window import Window, from_arrays

SIDE = 32
FEATURES = 128
Pixels = NDArray[np.uint8]
Draw = Callable[[NDArray[np.int64], np.random.Generator], Pixels]
"""Returns an image (32 x 32, RGB) of each class named by its place."""

SHIFTS = (
    "brightness -20 %",
    "blur 1",
    "class x4",
    "new class 10 %",
    "brightness -5 %",
    "blur 0.5",
    "class x2",
    "new class 3 %",
)
_PHOTOGRAPHS = (
    "astronaut.png",
    "chelsea.png",
    "coffee.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "motorcycle_left.png",
    "rocket.jpg",
    "retina.jpg",
)
_SHORT_SIDE = 160
_BATCH = 1000
_LEARNT = 64


@dataclass(frozen=True)
class Kind:
    """Images of one kind; the last class is the one that no model is trained on."""

    name: str
    classes: int
    draw: Draw


def scans() -> Kind:
    """Return handwritten digits; the nines are new."""
    digits = load_digits()
    grey = torch.tensor(digits.images / 16, dtype=torch.float32)[:, None]
    of_class = [np.flatnonzero(digits.target == place) for place in range(10)]

    def draw(places: NDArray[np.int64], rng: np.random.Generator) -> Pixels:
        chosen = [of_class[place][rng.integers(len(of_class[place]))] for place in places]
        found = grid_sample(
            grey[chosen], _grid(len(places), rng, low=0.95, high=1.25), align_corners=False
        )
        return _exposed(found.expand(-1, 3, -1, -1).numpy(), rng)

    return Kind("scans", 10, draw)


def photographs() -> Kind:
    """Return cut-outs of ten photographs, each of which is a class; a retina's are new."""
    folder = Path(skimage.__file__).parent / "data"
    sources = [np.asarray(Image.open(folder / name).convert("RGB")) for name in _PHOTOGRAPHS]
    pictures = [_small(picture) for picture in (*load_sample_images().images, *sources)]

    def draw(places: NDArray[np.int64], rng: np.random.Generator) -> Pixels:
        made = np.empty((len(places), 3, SIDE, SIDE), np.float32)
        for place in np.unique(places):
            rows = np.flatnonzero(places == place)
            height, width = pictures[place].shape[-2:]
            share = rng.uniform(36, 60, len(rows)) / np.array([[width], [height]])
            grid = _grid(len(rows), rng, low=1, high=1) * torch.tensor(
                share.T[:, None, None, :], dtype=torch.float32
            )
            spare = (1 - share.T) * 0.98
            centre = rng.uniform(-spare, spare)[:, None, None, :]
            grid += torch.tensor(centre, dtype=torch.float32)
            picture = pictures[place].expand(len(rows), -1, -1, -1)
            made[rows] = grid_sample(
                picture, grid, padding_mode="reflection", align_corners=False
            ).numpy()
        return _exposed(made, rng)

    return Kind("photographs", len(pictures), draw)


def _small(picture: NDArray[np.uint8]) -> torch.Tensor:
    image = Image.fromarray(picture)
    scale = _SHORT_SIDE / min(image.size)
    size = (round(image.width * scale), round(image.height * scale))
    pixels = np.asarray(image.resize(size, Image.Resampling.LANCZOS), np.float32) / 255
    return torch.tensor(pixels).permute(2, 0, 1)[None]


def _grid(images: int, rng: np.random.Generator, *, low: float, high: float) -> torch.Tensor:
    """Return where each image's pixels are taken from: turned, moved, larger or smaller."""
    angle, scale = rng.normal(0, 0.12, images), rng.uniform(low, high, images)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    move = rng.normal(0, 0.06, (2, images))
    matrix = np.array([[cos, -sin, move[0]], [sin, cos, move[1]]]).transpose(2, 0, 1)
    return torch.nn.functional.affine_grid(
        torch.tensor(matrix, dtype=torch.float32), [images, 1, SIDE, SIDE], align_corners=False
    )


def _exposed(shares: NDArray[np.float32], rng: np.random.Generator) -> Pixels:
    """Return (n, 3, 32, 32) between 0 and 1 as cameras would, of which each is noisy."""
    gain = rng.normal(0.85, 0.08, (len(shares), 1, 1, 1)).astype(np.float32)
    noise = 5 * rng.standard_normal(shares.shape, np.float32)
    levels = (shares.clip(0, 1) * 235 * gain + 10 + noise).clip(0, 255).astype(np.uint8)
    return np.ascontiguousarray(levels.transpose(0, 2, 3, 1))


class Reader:
    """A small network trained on all classes of a kind but the last."""

    def __init__(
        self,
        kind: Kind,
        *,
        seed: int,
        images: int = 4000,
        epochs: int = 6,
        features: int = FEATURES,
    ) -> None:
        self.kind, self.known = kind, kind.classes - 1
        rng = np.random.default_rng([seed, 1])
        torch.manual_seed(seed)
        self._network = small_cnn.build(self.known, small_cnn.SmallCnnOptions(width=features // 4))
        labels = rng.integers(0, self.known, images)
        pixels, targets = _tensor(kind.draw(labels, rng)), torch.tensor(labels)
        optimiser = torch.optim.AdamW(self._network.parameters(), lr=3e-3)
        steps = epochs * -(-images // _LEARNT)
        slower = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        for _ in range(epochs):
            for chosen in torch.split(torch.tensor(rng.permutation(images)), _LEARNT):
                loss = cross_entropy(self._network(pixels[chosen]), targets[chosen])
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                slower.step()
        self._network.eval()

    def read(self, pixels: Pixels, truths: NDArray[np.int64] | None = None) -> Window:
        """Return what the network makes of images, and how they look."""
        layers = list(self._network.children())
        body, head = nn.Sequential(*layers[:-1]), layers[-1]
        embeddings, shares = [], []
        with torch.inference_mode():
            for start in range(0, len(pixels), _BATCH):
                seen = body(_tensor(pixels[start : start + _BATCH]))
                embeddings.append(seen.numpy().astype(np.float16))
                shares.append(torch.softmax(head(seen), 1).numpy())
        return from_arrays(
            classes=[str(place) for place in range(self.known)],
            probabilities=np.concatenate(shares),
            statistics=summary(pixels, [_source(image) for image in pixels]),
            embeddings=np.concatenate(embeddings),
            truths=truths,
        )


def _source(image: Pixels) -> Source:
    """Return what would be known of the file, which is a JPEG."""
    return Source(SIDE, SIDE, len(simplejpeg.encode_jpeg(image, quality=90)))


def _tensor(pixels: Pixels) -> torch.Tensor:
    return torch.tensor(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1


def labels(
    known: int, images: int, rng: np.random.Generator, *, first: float = 1
) -> NDArray[np.int64]:
    """Return random classes; the first is `first` times as frequent as each other one."""
    weights = np.ones(known)
    weights[0] = first
    return rng.choice(known, images, p=weights / weights.sum())


def pools(reader: Reader, *, images: int, seed: int) -> Mapping[str, Window]:
    """Return read images: ``none`` as the reference's, the others to make shifted windows of."""
    rng, kind = np.random.default_rng([seed, 2]), reader.kind

    def read(change: Callable[[Pixels], Pixels], share: float = 1) -> Window:
        chosen = labels(reader.known, int(images * share), rng)
        return reader.read(change(kind.draw(chosen, rng)), chosen)

    new = np.full(images // 10, kind.classes - 1)
    return {
        "none": read(lambda pixels: pixels),
        "brightness -20 %": read(lambda pixels: _darker(pixels, 0.8), 0.2),
        "brightness -5 %": read(lambda pixels: _darker(pixels, 0.95), 0.2),
        "blur 1": read(lambda pixels: _blurred(pixels, 1.0), 0.2),
        "blur 0.5": read(lambda pixels: _blurred(pixels, 0.5), 0.2),
        "new": reader.read(kind.draw(new, rng)),
    }


def window(
    pools_read: Mapping[str, Window], shift: str, *, images: int, rng: np.random.Generator
) -> Window:
    """Return a window of read images, shifted by one of `SHIFTS`, or by ``none``."""
    plain = pools_read["none"]
    if shift.startswith("class x"):
        weights = np.ones(len(plain))
        assert plain.truths is not None
        weights[plain.truths == 0] = float(shift.removeprefix("class x"))
        return plain.take(rng.choice(len(plain), images, replace=False, p=weights / weights.sum()))
    if shift.startswith("new class"):
        new = rng.binomial(images, float(shift.split()[2]) / 100)
        return joined(
            plain.take(rng.choice(len(plain), images - new, replace=False)),
            pools_read["new"].take(rng.choice(len(pools_read["new"]), new, replace=False)),
        )
    pool = pools_read[shift]
    return pool.take(rng.choice(len(pool), images, replace=False))


def joined(first: Window, second: Window) -> Window:
    """Return the answers of both, without truths."""
    assert first.embeddings is not None
    assert second.embeddings is not None
    return from_arrays(
        classes=first.classes,
        probabilities=np.concatenate([first.probabilities, second.probabilities]),
        statistics=np.concatenate([first.statistics, second.statistics]),
        embeddings=np.concatenate([first.embeddings, second.embeddings]),
        names=first.names,
    )


def _darker(pixels: Pixels, share: float) -> Pixels:
    return (pixels * np.float32(share)).astype(np.uint8)


def _blurred(pixels: Pixels, sigma: float) -> Pixels:
    result: Pixels = gaussian_filter(pixels, (0, sigma, sigma, 0))
    return result
