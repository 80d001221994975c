"""What monitoring reports of one window of answers, and what it remembers between windows.

Reports hold numbers alone: no image, no id of one and nobody's name.
"""

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

SCHEMA = 1
"""Of baselines and reports; a baseline of another one has to be made anew."""

State = Literal["ok", "drifted", "not_enough_data", "no_baseline"]
"""``ok`` alone is green. The last two say that nothing was tested, and ``reason`` says why."""

Detector = Literal["statistics", "inputs", "labels", "confidence", "novelty"]
"""What may move: single image statistics, all inputs together, predicted classes, how sure the
model is, and how far images lie from every known class."""

Interval = tuple[float, float]
"""Lower and upper end."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class WindowFacts(_Record):
    """What a window holds, and what had to be left out of it."""

    begin: AwareDatetime | None
    """Of the earliest answer; None in an empty window."""
    end: AwareDatetime | None
    samples: int
    """Answers that were looked at."""
    repeated: int = 0
    """Events that came again for an answer that is counted already."""
    unreadable: int = 0
    """Events that are of another schema, another model or no numbers at all; left out."""
    ahead: int = 0
    """Events of a time that has not come yet, by more than clocks may differ; left out."""
    outside: int = 0
    """Events of another time than the window's; left out."""
    absent: dict[str, int] = {}
    """Answers without a value, by statistic or ``embedding``, where there are any."""
    not_finite: dict[str, int] = {}
    """Values that are NaN or infinite, by statistic, ``embedding`` or ``probabilities``."""
    latency_p50_ms: float | None = None
    latency_p99_ms: float | None = None


class Finding(_Record):
    """One comparison with the baseline."""

    detector: Detector
    name: str
    """``brightness``, ``direction 3, like sharpness``, ``class cat``, ``prediction entropy``..."""
    test: str
    """How it was compared."""
    score: float
    """0 and more; comparable within one test only."""
    threshold: float | None
    """At or above which it counts as moved, were it the only one; None where resamples decide."""
    p_value: float
    """How likely a score as large is without drift."""
    corrected: float
    """The p-value after correction for all findings of its kind (Benjamini and Hochberg 1995)."""
    moved: bool
    """Whether ``corrected`` is at most the false-alarm rate. It explains an alarm and is none."""
    reference: float | None = None
    """Mean, or share, in the baseline."""
    observed: float | None = None
    """Mean, or share, in the window."""
    shift: float | None = None
    """How far the mean moved, in standard deviations of the baseline."""
    samples: int


class DetectorScore(_Record):
    """What one detector says; the report's alarm comes from all of them together."""

    detector: Detector
    score: float
    p_value: float
    """How likely a score as large is without drift."""


class Example(_Record):
    """One answer that lies far from the baseline, in numbers: no image is kept."""

    time: AwareDatetime | None
    label: str
    probability: float
    distance: float
    """To the nearest known class; ``usual`` of the baseline's answers lie nearer."""
    usual: float
    statistics: dict[str, float]
    """In standard deviations of the baseline, away from its mean."""


class AccuracyEstimate(_Record):
    """The accuracy that the model's own confidence promises; no true label is needed for it."""

    accuracy: float
    low: float
    """The 95 % interval; it holds as long as confidence means what it meant in the baseline."""
    high: float
    reference: float
    """Of the baseline, measured."""
    trusted: bool
    """False where the window drifted: confidence may have lost its meaning."""


class Power(_Record):
    """How often a window of a size would see a shift, found by shifting the baseline's own data."""

    shift: str
    """Such as ``new class 3 %``."""
    samples: int
    detected: float


class BaselineFacts(_Record):
    """What a report says of the baseline that it was made with."""

    schema_version: int = SCHEMA
    model_version: str
    made: AwareDatetime
    samples: int
    classes: tuple[str, ...]
    statistics: tuple[str, ...]
    embedding: int
    """Numbers of it; 0 for a model that gives none."""
    false_alarm_rate: float
    """Of a whole report, whatever the number of its tests."""
    seed: int
    fewest: int
    """Samples that a window needs to be tested."""
    power: tuple[Power, ...] = ()


class DriftReport(_Record):
    """What became of one window of one model version, answering as one variant."""

    schema_version: int = SCHEMA
    report_id: str
    time: AwareDatetime
    """The window's end, for which it was asked."""
    model_version: str
    variant: str
    state: State
    reason: str
    """One sentence."""
    score: float = 0.0
    """-log10 of the most surprising detector's p-value, 0 and more."""
    threshold: float | None = None
    """What a share of ``false_alarm_rate`` of windows without drift reaches; None: not tested."""
    drifted: bool = False
    mode: Literal["window", "sequential"] = "window"
    window: WindowFacts
    baseline: BaselineFacts | None = None
    detectors: tuple[DetectorScore, ...] = ()
    findings: tuple[Finding, ...] = ()
    """Every single comparison, the most surprising first."""
    examples: tuple[Example, ...] = ()
    estimate: AccuracyEstimate | None = None
    seconds: float = 0.0

    @property
    def moved(self) -> list[str]:
        """The names of what moved, the most surprising first; empty where nothing drifted."""
        return [each.name for each in self.findings if each.moved] if self.drifted else []


class Persistence(_Record):
    """Whether drift stays: the newest `of` tested reports, and how many of them drifted."""

    alarm: bool
    needed: int
    of: int
    drifted: int
    since: AwareDatetime | None
    """The first report of this drift: `of` quiet ones in a row end it. None without any."""
    untested: int
    """Reports since the newest tested one: silence that is no sign of health."""


class SequentialState(_Record):
    """What the sequential test knows, to go on from: one number a bet."""

    schema_version: int = SCHEMA
    model_version: str
    variant: str
    samples: int = 0
    begun: AwareDatetime | None = None
    until: AwareDatetime | None = None
    """The newest answer that was counted; older ones are not counted again."""
    wealth: dict[str, tuple[float, ...]] = {}
    """Logarithms, by what is watched."""
    alarmed: AwareDatetime | None = None


class ClassPerformance(_Record):
    """Precision and recall of one class, with 95 % intervals; None where none is."""

    precision: float | None
    precision_interval: Interval
    recall: float | None
    recall_interval: Interval
    images: int
    """Of the class, by truth."""
    predicted: int


class PerformancePoint(_Record):
    """What truths told later say of one model's answers as one variant in one period."""

    begin: AwareDatetime
    end: AwareDatetime
    model_version: str
    variant: str
    answers: int | None
    """Of the period, with and without a truth; None where nobody counted."""
    labelled: int
    accuracy: float | None
    """None while no truth is known."""
    interval: Interval
    classes: dict[str, ClassPerformance] = {}
    estimate: AccuracyEstimate | None = None
    """What was promised before a truth was known."""
