"""``visionml stream``: which records, what is told, and how it ends."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from visionml import workbench
from visionml.cli.main import app
from visionml.desks.card import Card
from visionml.desks.streams import Answered
from visionml.errors import InvalidInput
from visionml.serving.replay import Replayed

runner = CliRunner()


class Streams:
    """Stands for the desk; notes what it is asked."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}
        self.told = Replayed(new=3, again=1, skipped=6)

    def replay(self, since: str, until: str | None, **asked: Any) -> Replayed:
        self.asked = {"since": since, "until": until, **asked}
        return self.told

    def replay_failed(self, **asked: Any) -> Answered:
        return Answered(self.told, messages=4, gone=0)

    def status(self) -> Card:
        return Card("Stream", {"shards": "2 open, 0 closed"})


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> Streams:
    made = Streams()

    class Session:
        streams = made

    monkeypatch.setattr(workbench, "open", lambda _environment: Session())
    return made


def test_a_time_is_replayed_and_counted(streams: Streams) -> None:
    done = runner.invoke(app, ["stream", "replay", "--from", "2026-11-20", "--dry-run", "--json"])
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    assert (told["read"], told["new"], told["failed_before"], told["skipped"]) == (10, 3, 1, 6)
    assert (streams.asked["since"], streams.asked["until"]) == ("2026-11-20", None)
    assert (streams.asked["dry_run"], streams.asked["kind"]) == (True, "requests")


def test_what_cannot_be_sent_again_is_told_and_ends_with_1(streams: Streams) -> None:
    streams.told = Replayed(failed=1, reasons={"shard-0:7": "The record is no JSON."})
    done = runner.invoke(app, ["stream", "replay", "--failed"])
    assert done.exit_code == 1
    assert "shard-0:7: The record is no JSON." in done.output
    assert "messages" in done.output


@pytest.mark.parametrize("options", [[], ["--from", "2026-11-20", "--failed"]])
def test_one_has_to_say_which_records(streams: Streams, options: list[str]) -> None:
    done = runner.invoke(app, ["stream", "replay", *options])
    assert isinstance(done.exception, InvalidInput)


def test_the_status_is_shown(streams: Streams) -> None:
    done = runner.invoke(app, ["stream", "status", "--json"])
    assert json.loads(done.stdout) == {"shards": "2 open, 0 closed"}
