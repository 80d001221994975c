"""What windows are compared with: fitted to answers of the same model on images without drift."""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from visionml.contracts.monitoring import SCHEMA, BaselineFacts
from visionml.errors import InvalidInput
from visionml.monitoring import features
from visionml.monitoring.calibration import calibrate
from visionml.monitoring.confidence import Reliability, reliability
from visionml.monitoring.features import Maps, Values, measure
from visionml.monitoring.power import reference_power
from visionml.monitoring.scores import Moments, Null
from visionml.monitoring.window import Floats, Window

FEWEST = 100
"""Answers that a window needs to be tested as a whole; fewer are for `sequential`."""
FEWEST_OF_BASELINE = 200
SIZES = (100, 400, 1600, 10_000)
FALSE_ALARM_RATE = 0.01
DISTANCE, CONFIDENCE = "distance to the nearest class", "confidence"
_FITTED_TO = 1000
_QUANTILES = 129
_AGAIN = "Make the baseline anew, from the model's validation or holdout images."


@dataclass(frozen=True)
class Baseline:
    """All that `check` needs; about a megabyte for an embedding of 128 numbers."""

    facts: BaselineFacts
    maps: Maps
    moments: Moments
    sizes: tuple[int, ...]
    nulls: tuple[Null, ...]
    mean: Values
    """(statistics,): of the raw values; NaN where there are none."""
    deviation: Values
    """(statistics,)."""
    ordered: Values
    """(2, quantiles): distance to the nearest class, and probability of the predicted one."""
    even: Values
    """(watched, 2): means of `polynomials` of each of `ranks`."""
    reliability: Reliability | None
    """None where no truth was known."""

    def ranks(self, window: Window) -> dict[str, Values]:
        """Return the (n,) ranks among the baseline's of each statistic, distance and confidence."""
        ranked = features.ranks_of(self.maps, window.statistics).astype(np.float64)
        found = {
            self.facts.statistics[place]: ranked[:, k]
            for k, place in enumerate(self.maps.tested)
            if self.deviation[place] > 0
        }
        levels = np.linspace(0, 1, self.ordered.shape[1])
        numbers = (features.distances(self.maps, window), window.probabilities.max(axis=1))
        for name, values, knots in zip((DISTANCE, CONFIDENCE), numbers, self.ordered, strict=True):
            found[name] = np.interp(values, knots, levels)
        return found

    def null(self, samples: int) -> Null:
        """Return what to expect of windows of a size: between the sizes that were calibrated."""
        at, known = np.log(samples), np.log(self.sizes)
        right = int(np.clip(np.searchsorted(known, at), 1, len(known) - 1))
        share = float(np.clip((at - known[right - 1]) / (known[right] - known[right - 1]), 0, 1))
        first, second = self.nulls[right - 1], self.nulls[right]
        return Null(
            components=(1 - share) * first.components + share * second.components,
            detectors=(1 - share) * first.detectors + share * second.detectors,
            threshold=(1 - share) * first.threshold + share * second.threshold,
        )

    def dumps(self) -> bytes:
        """Return the baseline as one ``.npz`` file, arrays and a JSON record, without pickle."""
        arrays: dict[str, NDArray[Any]] = {
            "record": np.frombuffer(self.facts.model_dump_json().encode(), np.uint8),
            "sizes": np.array(self.sizes),
            "null_components": np.array([null.components for null in self.nulls]),
            "null_detectors": np.array([null.detectors for null in self.nulls]),
            "null_thresholds": np.array([null.threshold for null in self.nulls]),
            "mean": self.mean,
            "deviation": self.deviation,
            "ordered": self.ordered,
            "even": self.even,
            **_flat("moments", self.moments),
            **_flat("maps", self.maps),
        }
        if self.reliability is not None:
            arrays |= _flat("reliability", self.reliability)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **arrays)
        return buffer.getvalue()

    def save(self, path: Path) -> Path:
        """Write the file and return its path."""
        path.write_bytes(self.dumps())
        return path


def fit(
    window: Window,
    *,
    model_version: str,
    false_alarm_rate: float = FALSE_ALARM_RATE,
    sizes: Sequence[int] = SIZES,
    seed: int = 0,
    made: datetime | None = None,
) -> Baseline:
    """Return the baseline that follows from a model's answers on images it was not trained on.

    A model is surer of its training images and tells them apart better: against a baseline of
    those, every window has drifted.

    Raises
    ------
    InvalidInput
        Fewer than `FEWEST_OF_BASELINE` answers are complete, or a number is out of its range.
    """
    if not 0.001 <= false_alarm_rate <= 0.5 or len(sizes) < 2 or min(sizes) < FEWEST:
        raise InvalidInput(
            f"No baseline has a false-alarm rate of {false_alarm_rate:g} for windows of {sizes}.",
            hint=f"Give a rate between 0.001 and 0.5, and two sizes of {FEWEST} or more.",
        )
    whole = _complete(window)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(whole))
    cut = min(max(len(whole) // 5, _FITTED_TO), len(whole) // 2)
    maps, rest = features.fit(whole.take(order[:cut])), whole.take(order[cut:])
    rows = measure(maps, rest)
    moments = Moments.of(rows, maps)
    sizes = tuple(sorted(sizes))
    nulls = calibrate(maps, moments, rows, sizes=sizes, false_alarm_rate=false_alarm_rate, rng=rng)
    with_values = np.isfinite(whole.statistics).any(axis=0)
    empty = Baseline(
        facts=BaselineFacts(
            model_version=model_version,
            made=made or datetime.now(UTC),
            samples=len(whole),
            classes=whole.classes,
            statistics=whole.names,
            embedding=0 if whole.embeddings is None else whole.embeddings.shape[1],
            false_alarm_rate=false_alarm_rate,
            seed=seed,
            fewest=FEWEST,
        ),
        maps=maps,
        moments=moments,
        sizes=sizes,
        nulls=nulls,
        mean=np.where(with_values, whole.statistics.mean(axis=0, dtype=np.float64), np.nan),
        deviation=np.where(with_values, whole.statistics.std(axis=0, dtype=np.float64), np.nan),
        ordered=_ordered(maps, rest),
        even=np.empty((0, 2)),
        reliability=reliability(whole),
    )
    even = [[each.mean() for each in polynomials(ranks)] for ranks in empty.ranks(rest).values()]
    power = tuple(reference_power(empty, rest, rows, rng=rng))
    facts = empty.facts.model_copy(update={"power": power})
    return replace(empty, facts=facts, even=np.array(even))


def polynomials(ranks: Values) -> tuple[Values, Values]:
    """Return how high ranks are, and how far outside: both between -1 and 1, 0 in the mean."""
    t = 2 * ranks - 1
    return t, 1.5 * t * t - 0.5


def load(path: Path) -> Baseline:
    """Return the baseline of a file.

    Raises
    ------
    InvalidInput
        It is none, or of another schema.
    """
    return loads(path.read_bytes())


def loads(content: bytes) -> Baseline:
    """Return the baseline of a file's bytes.

    Raises
    ------
    InvalidInput
        They are none, or of another schema.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return _of({name: arrays[name] for name in arrays.files})
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, ValidationError) as error:
        raise InvalidInput(f"The drift baseline cannot be read: {error}.", hint=_AGAIN) from error


def _of(arrays: dict[str, NDArray[Any]]) -> Baseline:
    facts = BaselineFacts.model_validate_json(arrays["record"].tobytes())
    if facts.schema_version != SCHEMA:
        raise InvalidInput(
            f"The drift baseline has schema {facts.schema_version}; this release knows {SCHEMA}.",
            hint=_AGAIN,
        )
    nulls = zip(
        arrays["null_components"],
        arrays["null_detectors"],
        arrays["null_thresholds"].tolist(),
        strict=True,
    )
    return Baseline(
        facts=facts,
        maps=Maps(**_parts("maps", Maps, arrays)),
        moments=Moments(**_parts("moments", Moments, arrays)),
        sizes=tuple(arrays["sizes"].tolist()),
        nulls=tuple(Null(*each) for each in nulls),
        mean=arrays["mean"],
        deviation=arrays["deviation"],
        ordered=arrays["ordered"],
        even=arrays["even"],
        reliability=Reliability(**_parts("reliability", Reliability, arrays))
        if "reliability.right" in arrays
        else None,
    )


def _flat(prefix: str, record: Any) -> dict[str, NDArray[Any]]:
    """Return a record's arrays by name; several of one field are numbered."""
    found: dict[str, NDArray[Any]] = {}
    for each in fields(record):
        value = getattr(record, each.name)
        if isinstance(value, tuple):
            found |= {f"{prefix}.{each.name}.{k}": part for k, part in enumerate(value)}
        else:
            found[f"{prefix}.{each.name}"] = np.asarray(value)
    return found


def _parts(prefix: str, kind: Any, arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Return what `_flat` made of a record's fields."""
    found: dict[str, Any] = {}
    for each in fields(kind):
        name = f"{prefix}.{each.name}"
        if name in arrays:
            found[each.name] = arrays[name] if arrays[name].ndim else arrays[name].item()
        else:
            many = sum(key.startswith(f"{name}.") for key in arrays)
            found[each.name] = tuple(arrays[f"{name}.{k}"] for k in range(many))
    return found


def _complete(window: Window) -> Window:
    """Return the answers without gaps; a statistic that no answer has is no gap."""
    raw = features.inputs(window)
    known = np.isfinite(raw).any(axis=0)
    good = np.isfinite(raw[:, known]).all(axis=1) & np.isfinite(window.probabilities).all(axis=1)
    if good.sum() < FEWEST_OF_BASELINE:
        raise InvalidInput(
            f"A baseline needs {FEWEST_OF_BASELINE} complete answers, and has {good.sum()}.",
            hint="Give more images of the validation or holdout split.",
        )
    return window if good.all() else window.take(np.flatnonzero(good))


def _ordered(maps: Maps, rest: Window) -> Values:
    at = np.linspace(0, 1, _QUANTILES)
    best: Floats = rest.probabilities.max(axis=1)
    return np.stack([np.quantile(features.distances(maps, rest), at), np.quantile(best, at)])
