import json
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.record import Machine, Report, row


def test_of_times_the_smaller_is_better() -> None:
    made = row("start", "ms", {"ours": [9, 10, 11], "limit": [5], "aws": [20]}, peers=("aws",))
    assert (made.value, made.limit, made.limit_ratio) == (10, 5, 0.5)
    assert (made.peers[0].value, made.peers[0].ratio) == (20, 2)


def test_of_rates_the_larger_is_better() -> None:
    samples = {"ours": [30.0], "limit": [40.0], "sharp": [15.0]}
    made = row("previews", "1/s", samples, higher_is_better=True, peers=("sharp",))
    assert made.limit_ratio == 0.75
    assert made.peers[0].ratio == 2


def test_a_peer_that_is_not_installed_is_reported_as_missing() -> None:
    (peer,) = row("start", "ms", {"ours": [1.0], "aws": []}, peers=("aws",)).peers
    assert (peer.name, peer.value, peer.ratio) == ("aws", None, None)


def test_a_report_is_written_under_its_time_and_as_the_latest(tmp_path: Path) -> None:
    started = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    rows = [row("start", "ms", {"ours": [1.0]})]
    path = Report(started=started, machine=Machine.this(), rows=rows).write(tmp_path / "bench")
    assert path.name == "20260102T030405Z.json"
    latest = json.loads((tmp_path / "bench" / "latest.json").read_text())
    assert latest == json.loads(path.read_text())
    assert latest["rows"][0]["name"] == "start"
    assert latest["machine"]["cores"] >= 1


def test_a_prediction_is_told_with_its_error() -> None:
    measured = row("drain", "s", {"ours": [8.0]})
    assert measured.error is None
    assert measured.model_copy(update={"predicted": 10.0}).error == 0.25
