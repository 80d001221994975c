"""Events on the stream become a table, and the saved queries answer about it as pandas does."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from tests.fakes.image_records import accepted
from tests.functional.platform import Deployed
from tests.functional.test_analytics_services import parquet
from tests.functional.waiting import until
from visionml import workbench
from visionml.cli.main import app
from visionml.contracts.inference import InferenceEvent, PixelStatistics
from visionml.contracts.queries import QUERIES
from visionml.contracts.tables import GROUND_TRUTHS, IMAGE_RECORDS, INFERENCE_EVENTS, PREDICTIONS
from visionml.errors import InvalidInput, NotFound
from visionml.local.analytics.firehose import _parquet
from visionml.workbench import Session

_TODAY = datetime.now(UTC).date()
_LABELS = ("cat", "dog", "bird")
_VARIANTS = {"ModelA": "analytics-v1", "ModelB": "analytics-v2"}


@dataclass(frozen=True)
class Known:
    """What was put into the tables; other tests' answers are told apart by their versions."""

    session: Session
    events: pd.DataFrame
    truths: pd.DataFrame
    images: pd.DataFrame

    def ask(self, name: str, **more: Any) -> pd.DataFrame:
        """Ask a saved query about the days before today, which are these tests' own."""
        period = {"start": _day(5), "end": _day(1)}
        return self.session.query(name, **{**period, **more})


def _day(ago: int) -> str:
    return (_TODAY - timedelta(days=ago)).isoformat()


def _event(number: int, ago: int, chance: random.Random) -> InferenceEvent:
    variant = chance.choice(list(_VARIANTS))
    share = round(chance.uniform(0.34, 1.0), 3) if number else 1.0
    label = chance.choices(_LABELS, weights=(5, 2, ago))[0]
    return InferenceEvent(
        prediction_id=f"known-{number:04}",
        time=datetime.combine(_TODAY, datetime.min.time(), UTC)
        - timedelta(days=ago, seconds=-number),
        image_sha256=f"{chance.randrange(40):064x}",
        label=label,
        probability=share,
        probabilities={label: share},
        model_version=_VARIANTS[variant],
        variant=variant,
        latency_ms=round(chance.uniform(2, 90), 2),
        statistics=PixelStatistics(
            brightness=100, contrast=50, sharpness=10, red=90, green=100, blue=110
        ),
    )


@pytest.fixture(scope="module")
def known(platform: Deployed) -> Known:
    """Events of ten days, put where Firehose would have, some of them twice; truths; images."""
    chance = random.Random(7)
    session = platform.session
    events = [
        (ago, _event(number, ago, chance))
        for number, ago in enumerate(each for each in range(1, 11) for _ in range(25))
    ]
    delivered = {
        ago: [event.model_dump(mode="json") for day, event in events if day == ago]
        for ago in range(1, 12)
    }
    for ago in range(1, 11):
        # again in the same file, in another one, and after midnight
        _put_events(
            session, _day(ago), [*delivered[ago], delivered[ago][0], *delivered[ago + 1][-1:]]
        )
        _put_events(session, _day(ago), delivered[ago][1:4], name="again")
    rows = [{"date": _day(ago), **event.model_dump(mode="json")} for ago, event in events]
    frame = pd.DataFrame(rows)
    truths = frame[frame.index % 3 == 0].assign(
        predicted=lambda each: each["label"],
        label=lambda each: ["cat"] * len(each),
        correct=lambda each: each["predicted"] == "cat",
    )
    columns = [name for name, _kind, _about in GROUND_TRUTHS.columns]
    for day, told in truths.groupby("date"):
        for name in ("a", "again"):
            _put_lines(session, f"{GROUND_TRUTHS.folder(str(day))}{name}.json", told[columns])
    images = _images(chance)
    for day, sent in images.groupby("date"):
        _put_lines(session, f"{IMAGE_RECORDS.folder(str(day))}a.json", sent.drop(columns="date"))
    return Known(session, frame, truths, images)


def _images(chance: random.Random) -> pd.DataFrame:
    kinds = [("organised", "cat", ""), ("organised", "dog", ""), ("refused", None, "truncated")]
    return pd.DataFrame(
        [
            {
                "image_id": f"{number:032x}",
                "date": _day(ago),
                "status": status,
                "label": label,
                "reason": reason,
                "bytes": 1000 + number,
            }
            for ago in range(1, 4)
            for number in range(12)
            for status, label, reason in [chance.choice(kinds)]
        ]
    )


def _put_events(
    session: Session, day: str, rows: list[dict[str, Any]], *, name: str = "known"
) -> None:
    """Write events as Firehose does, but to a day in the past."""
    columns = [(name, kind) for name, kind, _about in INFERENCE_EVENTS.columns]
    content, unfit = _parquet([json.dumps(row) for row in rows], columns)
    assert unfit == []
    _put(session, f"{INFERENCE_EVENTS.folder(day)}{name}.parquet", content)


def _put_lines(session: Session, key: str, rows: pd.DataFrame) -> None:
    _put(session, key, rows.to_json(orient="records", lines=True).encode())


def _put(session: Session, key: str, content: bytes) -> None:
    bucket = session.names.bucket("results", session.aws.account)
    session.aws.s3.put_object(Bucket=bucket, Key=key, Body=content)


def test_an_event_on_the_stream_is_a_row_some_seconds_later(platform: Deployed) -> None:
    session = platform.session
    event = _event(1, 0, random.Random(1)).model_copy(
        update={"prediction_id": "streamed", "model_version": "analytics-stream"}
    )
    session.aws.client("kinesis").put_record(
        StreamName=session.names.events_stream,
        Data=event.model_dump_json().encode(),
        PartitionKey="streamed",
    )
    sql = """SELECT date, label, probabilities[label] AS share, statistics.red AS red,
                    from_iso8601_timestamp(time) AS time
             FROM inference_events WHERE prediction_id = :id AND date = :today"""

    def look() -> list[pd.DataFrame]:
        found = session.query(sql, id="streamed", today=_TODAY)
        return [found] if len(found) else []

    (found,) = until(look)
    assert found.to_dict("records") == [
        {
            "date": _TODAY.isoformat(),
            "label": event.label,
            "share": event.probability,
            "red": 90.0,
            "time": pd.Timestamp(event.time),
        }
    ]
    assert found.attrs["bytes_scanned"] > 0


def _answers(known: Known) -> pd.DataFrame:
    return known.events[known.events["date"] >= _day(5)]


def _counted(frame: pd.DataFrame, *columns: str, name: str) -> list[tuple[Any, ...]]:
    grouped = frame.groupby(list(columns), dropna=False).size().reset_index(name=name)
    return _rows(grouped)


def _rows(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    rows = frame.astype("object").itertuples(index=False)
    return [tuple(None if pd.isna(cell) else cell for cell in row) for row in rows]


def check_answers_by_day(known: Known) -> None:
    expected = _counted(_answers(known), "date", "variant", "model_version", name="answers")
    assert _rows(known.ask("answers_by_day")) == expected


def check_accuracy_by_day(known: Known) -> None:
    told = known.truths[known.truths["date"] >= _day(5)]
    expected = told.groupby(["date", "variant", "model_version"])["correct"].agg(
        ["size", "sum", "mean"]
    )
    assert _rows(known.ask("accuracy_by_day")) == _rows(expected.reset_index())


def check_latency_percentiles(known: Known) -> None:
    grouped = _answers(known).groupby(["date", "variant"])["latency_ms"]
    found = known.ask("latency_percentiles").set_index(["date", "variant"])
    assert found["answers"].tolist() == grouped.size().tolist()
    for column, quantile in {"p50_ms": 0.5, "p90_ms": 0.9, "p99_ms": 0.99}.items():
        assert found[column].tolist() == pytest.approx(grouped.quantile(quantile).tolist())


def check_slowest_images(known: Known) -> None:
    slowest = _answers(known).sort_values("latency_ms", ascending=False).head(7)
    found = known.ask("slowest_images", top=7)
    assert found["latency_ms"].tolist() == slowest["latency_ms"].tolist()
    assert found["place"].tolist() == list(range(1, 8))


def check_label_shift(known: Known) -> None:
    now = _answers(known)["label"].value_counts(normalize=True)
    before = known.events[known.events["date"] < _day(5)]["label"].value_counts(normalize=True)
    found = known.ask("label_shift").set_index("label")
    assert found["share"].to_dict() == pytest.approx(now.to_dict())
    assert found["share_before"].to_dict() == pytest.approx(before.to_dict())
    assert found["shift"].to_dict() == pytest.approx((now - before).to_dict())


def check_confidence_histogram(known: Known) -> None:
    lower = (_answers(known)["probability"] * 10).astype(int).clip(upper=9) / 10
    answers = _answers(known).assign(from_probability=lower)
    found = known.ask("confidence_histogram")[["model_version", "from_probability", "answers"]]
    expected = _counted(answers, "model_version", "from_probability", name="answers")
    assert _rows(found) == expected


def check_refusals_by_day(known: Known) -> None:
    refused = known.images[known.images["status"] == "refused"]
    expected = _counted(refused, "date", "status", "reason", name="images")
    assert _rows(known.ask("refusals_by_day")) == expected


def check_cost_per_prediction(known: Known) -> None:
    found = known.ask("cost_per_prediction", day_cents=123_456)
    counts = _answers(known).groupby("date").size()
    assert found["answers"].tolist() == counts.tolist()
    assert found["usd_per_answer"].tolist() == pytest.approx((1234.56 / counts).tolist())


def check_repeated_images(known: Known) -> None:
    answers = _answers(known).sort_values("time")
    again = answers.assign(repeated=answers["image_sha256"].duplicated())
    expected = again.groupby("date")["repeated"].agg(["size", "sum", "mean"]).reset_index()
    assert _rows(known.ask("repeated_images")) == _rows(expected)


def check_images_by_day(known: Known) -> None:
    columns = ["date", "status", "label"]
    expected = known.images.groupby(columns, dropna=False)["bytes"].agg(["size", "sum"])
    assert _rows(known.ask("images_by_day")) == _rows(expected.reset_index())


CHECKS: dict[str, Callable[[Known], None]] = {
    check.__name__.removeprefix("check_"): check
    for check in (
        check_answers_by_day,
        check_accuracy_by_day,
        check_latency_percentiles,
        check_slowest_images,
        check_label_shift,
        check_confidence_histogram,
        check_refusals_by_day,
        check_cost_per_prediction,
        check_repeated_images,
        check_images_by_day,
    )
}


@pytest.mark.parametrize("name", [query.name for query in QUERIES])
def test_a_saved_query_answers_as_pandas_does(known: Known, name: str) -> None:
    CHECKS[name](known)


def test_results_of_batch_runs_are_seen_below_their_models(known: Known) -> None:
    columns = {name for name, _kind, _about in PREDICTIONS.columns}
    select = "SELECT 'p1' AS prediction_id, 'x' AS input_key, 0.5::DOUBLE AS probability"
    assert {"prediction_id", "input_key", "probability"} < columns
    _put(known.session, f"{PREDICTIONS.folder(_day(1))}model=v1/part.parquet", parquet(select))

    found = known.session.query("SELECT date, prediction_id, label FROM predictions")

    assert _rows(found) == [(_day(1), "p1", None)]


def test_records_of_images_are_exported_for_queries(known: Known) -> None:
    session = known.session
    sent = datetime.combine(_TODAY - timedelta(days=9), time(10, 15), UTC)
    record = accepted("a" * 32, timestamp=sent, user_id="nobody", file_size=77)
    table = session.aws.dynamodb.Table(session.names.images_table)
    table.put_item(Item=record.item())
    answer = session.aws.client("lambda").invoke(
        FunctionName=session.names.function("image_exporter"),
        Payload=json.dumps({"day": _day(9)}).encode(),
    )
    assert json.loads(answer["Payload"].read()) == {"exported": {_day(9): 1}}

    found = session.query("images_by_day", start=_day(9), end=_day(9))
    assert _rows(found) == [(_day(9), "accepted", None, 1, 77)]
    table.delete_item(Key={"ImageID": record.image_id, "Timestamp": record.item()["Timestamp"]})


def test_results_are_encrypted_with_the_records_key(known: Known) -> None:
    session = known.session
    query_id = session.query("SELECT 1 AS one").attrs["query_id"]
    bucket = session.names.bucket("results", session.aws.account)
    stored = session.aws.s3.head_object(Bucket=bucket, Key=f"queries/{query_id}.csv")

    assert stored["ServerSideEncryption"] == "aws:kms"
    assert stored["SSEKMSKeyId"].startswith("arn:aws:kms:")


def test_mistakes_are_told_in_sentences(known: Known) -> None:
    query = known.session.query
    with pytest.raises(InvalidInput, match="Column 'nosuch' cannot be resolved"):
        query("SELECT nosuch FROM predictions")
    with pytest.raises(InvalidInput, match="mismatched input"):
        query("SELECT FROM WHERE")
    with pytest.raises(NotFound, match="There is no saved query 'nosuch'"):
        query("nosuch")
    with pytest.raises(InvalidInput, match="day_cents has to be given"):
        query("cost_per_prediction")
    assert _rows(query("SELECT count(*) AS n FROM predictions WHERE label = :x", x="' OR '1'='1")) \
        == [(0,)]  # fmt: skip


def test_the_command_line_asks_too(known: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbench, "open", lambda _environment: known.session)
    given = ["query", "--saved", "answers_by_day", "--param", f"start={_day(5)}"]
    as_json = CliRunner().invoke(app, [*given, "--param", f"end={_day(1)}", "--json"])
    as_csv = CliRunner().invoke(app, ["query", "SELECT 1 AS one, :word AS word", "--csv",
                                      "--param", "word=it's"])  # fmt: skip

    assert as_json.exit_code == 0, as_json.output
    expected = known.ask("answers_by_day").to_dict("records")
    assert json.loads(as_json.stdout) == expected
    assert as_csv.stdout == "one,word\n1,it's\n"
    assert "bytes scanned in" in as_csv.stderr
