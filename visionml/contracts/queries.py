"""The saved queries: what data scientists ask most, tested on known events.

``?`` are parameters, which Athena binds in conditions alone; `SavedQuery.parameters` names them in
their order, the same name again where a value is needed again.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["date", "integer"]


@dataclass(frozen=True)
class Parameter:
    """A value that a query is asked with."""

    name: str
    kind: Kind
    about: str
    default: int | None = None
    """Of a date: how many days ago. None: it has to be given."""


@dataclass(frozen=True)
class SavedQuery:
    """One query by its name."""

    name: str
    title: str
    about: str
    parameters: tuple[Parameter, ...]
    sql: str

    @property
    def distinct(self) -> tuple[Parameter, ...]:
        """The parameters that a caller gives, each once."""
        return tuple(dict.fromkeys(self.parameters))


START = Parameter("start", "date", "The first day.", 6)
END = Parameter("end", "date", "The last day.", 0)
_PERIOD = (START, END)
_TOP = Parameter("top", "integer", "How many.", 20)
_DAY_CENTS = Parameter(
    "day_cents",
    "integer",
    "What the endpoint costs in a day, in cents of a dollar; below 1,000,000.",
)

_ANSWERS = """WITH delivered AS (
  SELECT prediction_id, min(date) AS date, arbitrary(variant) AS variant,
         arbitrary(model_version) AS model_version, arbitrary(label) AS label,
         arbitrary(probability) AS probability, arbitrary(latency_ms) AS latency_ms,
         arbitrary(image_sha256) AS image_sha256, min(time) AS time
  FROM inference_events
  WHERE date BETWEEN date_format(CAST(? AS date) - INTERVAL '1' DAY, '%Y-%m-%d') AND ?
  GROUP BY prediction_id
), answers AS (
  SELECT * FROM delivered WHERE date >= ?
)"""
"""Firehose delivers at least once: an answer that came twice is counted once, on the day on which
it came first, which may be the one before the period's."""
_ANSWERED = (START, END, START)


def _on_answers(rest: str) -> str:
    """Return a query on the answers of a period; further steps begin with a comma."""
    return f"{_ANSWERS}{'' if rest.startswith(',') else chr(10)}{rest}"


QUERIES = (
    SavedQuery(
        "answers_by_day",
        "Answers by day and variant",
        "How many answers each variant and model version gave on each day.",
        _ANSWERED,
        _on_answers(
            """SELECT date, variant, model_version, count(*) AS answers
FROM answers
GROUP BY date, variant, model_version
ORDER BY date, variant, model_version"""
        ),
    ),
    SavedQuery(
        "accuracy_by_day",
        "Accuracy by day and variant",
        "How many answers were right, of those whose truth was told; the day is the answer's.",
        _PERIOD,
        """WITH told AS (
  SELECT prediction_id, min(date) AS date, arbitrary(variant) AS variant,
         arbitrary(model_version) AS model_version, arbitrary(correct) AS correct
  FROM ground_truths
  WHERE date BETWEEN ? AND ?
  GROUP BY prediction_id
)
SELECT date, variant, model_version, count(*) AS told, count_if(correct) AS correct,
       CAST(count_if(correct) AS double) / count(*) AS accuracy
FROM told
GROUP BY date, variant, model_version
ORDER BY date, variant, model_version""",
    ),
    SavedQuery(
        "latency_percentiles",
        "Latency percentiles",
        "The endpoint's median, 90th and 99th percentile in milliseconds, by day and variant.",
        _ANSWERED,
        _on_answers(
            """SELECT date, variant, count(*) AS answers,
       approx_percentile(latency_ms, 0.5) AS p50_ms,
       approx_percentile(latency_ms, 0.9) AS p90_ms,
       approx_percentile(latency_ms, 0.99) AS p99_ms
FROM answers
GROUP BY date, variant
ORDER BY date, variant"""
        ),
    ),
    SavedQuery(
        "slowest_images",
        "Slowest images",
        "The answers that took longest, with their images.",
        (*_ANSWERED, _TOP),
        _on_answers(
            """, ranked AS (
  SELECT *, row_number() OVER (ORDER BY latency_ms DESC, prediction_id) AS place
  FROM answers
)
SELECT place, image_sha256, prediction_id, variant, model_version, latency_ms, time
FROM ranked
WHERE place <= ?
ORDER BY place"""
        ),
    ),
    SavedQuery(
        "label_shift",
        "Label shift against the week before",
        "Each label's share of the answers, and its share in the week before the first day.",
        (*_ANSWERED, START, START, START),
        _on_answers(
            """, now_shares AS (
  SELECT label, CAST(count(*) AS double) / sum(count(*)) OVER () AS share
  FROM answers
  GROUP BY label
), before_shares AS (
  SELECT label, CAST(count(*) AS double) / sum(count(*)) OVER () AS share
  FROM (
    SELECT prediction_id, min(date) AS date, arbitrary(label) AS label
    FROM inference_events
    WHERE date >= date_format(CAST(? AS date) - INTERVAL '8' DAY, '%Y-%m-%d') AND date < ?
    GROUP BY prediction_id
  )
  WHERE date >= date_format(CAST(? AS date) - INTERVAL '7' DAY, '%Y-%m-%d')
  GROUP BY label
)
SELECT coalesce(n.label, b.label) AS label, coalesce(n.share, 0e0) AS share,
       coalesce(b.share, 0e0) AS share_before,
       coalesce(n.share, 0e0) - coalesce(b.share, 0e0) AS shift
FROM now_shares n FULL OUTER JOIN before_shares b ON n.label = b.label
ORDER BY label"""
        ),
    ),
    SavedQuery(
        "confidence_histogram",
        "Confidence histogram",
        "How many answers have a probability in each tenth from 0 to 1, by model version.",
        _ANSWERED,
        _on_answers(
            """SELECT model_version, count(*) AS answers,
       (least(width_bucket(probability, 0e0, 1e0, 10), 10) - 1) / 10e0 AS from_probability
FROM answers
GROUP BY model_version, 3
ORDER BY model_version, from_probability"""
        ),
    ),
    SavedQuery(
        "refusals_by_day",
        "Refused and failed images by day",
        "How many images intake refused or could not look at, and why.",
        _PERIOD,
        """SELECT date, status, reason, count(*) AS images
FROM image_records
WHERE date BETWEEN ? AND ? AND status IN ('refused', 'failed', 'vanished')
GROUP BY date, status, reason
ORDER BY date, status, reason""",
    ),
    SavedQuery(
        "cost_per_prediction",
        "Cost per prediction",
        "What an answer cost on each day, from what the endpoint costs in a day.",
        (*_ANSWERED, _DAY_CENTS),
        _on_answers(
            """, cost AS (
  SELECT (hundreds * 10000 + n) / 100e0 AS usd
  FROM UNNEST(sequence(0, 9999)) AS a(n) CROSS JOIN UNNEST(sequence(0, 99)) AS b(hundreds)
  WHERE hundreds * 10000 + n = ?
)
SELECT date, count(*) AS answers, min(usd) AS day_usd, min(usd) / count(*) AS usd_per_answer
FROM answers CROSS JOIN cost
GROUP BY date
ORDER BY date"""
        ),
    ),
    SavedQuery(
        "repeated_images",
        "Share of repeated images",
        "How many answers were for an image that had been answered in the period: what a cache "
        "could have spared. Answers that the API's cache gave leave no event.",
        _ANSWERED,
        _on_answers(
            """, seen AS (
  SELECT date, row_number() OVER (PARTITION BY image_sha256 ORDER BY time, prediction_id) AS turn
  FROM answers
)
SELECT date, count(*) AS answers, count_if(turn > 1) AS repeated,
       CAST(count_if(turn > 1) AS double) / count(*) AS share
FROM seen
GROUP BY date
ORDER BY date"""
        ),
    ),
    SavedQuery(
        "images_by_day",
        "Images by day, status and label",
        "How many images came in, how far they got, and what the detector saw.",
        _PERIOD,
        """SELECT date, status, label, count(*) AS images, sum(bytes) AS bytes
FROM image_records
WHERE date BETWEEN ? AND ?
GROUP BY date, status, label
ORDER BY date, status, label""",
    ),
)
