"""20,000 records under crashes, throttles and poison: inputs = results + recorded failures."""

import json
import random
from collections import Counter
from dataclasses import dataclass, field
from functools import partial

import pytest

from tests.fakes.consumer import World, request
from tests.fakes.crashes import Crash
from tests.fakes.mapping import Shard
from visionml.contracts.inference import InferenceRequest
from visionml.errors import NotServing, RequestRefused
from visionml.local.shard_progress import Record, Rules
from visionml.serving.consuming import LARGEST_BYTES

RECORDS = 20_000
SHARDS = 2
RULES = Rules(batch=20, retries=12, age_seconds=3600 + 1200, bisect=True, partial=True)
KINDS = {
    "good": 0.85,
    "missing": 0.03,
    "twin": 0.04,
    "other": 0.01,
    "no json": 0.02,
    "no request": 0.02,
    "too large": 0.01,
    "faulty": 0.01,
    "late": 0.009,
    "killer": 0.001,
}


OF_BATCHES = frozenset({"publish", "has published", "remove", "has removed"})
"""Steps that are taken once a batch."""


@dataclass
class Faults:
    """What goes wrong, by a seed."""

    world: World
    chance: random.Random
    crashes: Counter[str] = field(default_factory=Counter)
    throttled: int = 0
    kinds: dict[str, str] = field(default_factory=dict)
    """Of the predictions whose requests are not good."""

    def step(self, what: str) -> None:
        if self.chance.random() < (0.03 if what in OF_BATCHES else 0.001):
            self.crashes[what] += 1
            raise Crash(what)

    def endpoint(self, asked: InferenceRequest) -> None:
        kind = self.kinds.get(asked.prediction_id)
        if kind == "killer":
            raise Crash("out of memory")
        if kind == "faulty":
            raise ValueError("a fault")
        down = self.world.clock.now % 300 < 60  # a minute of every five
        if down or self.chance.random() < 0.02:
            self.throttled += 1
            raise NotServing("Busy.", code="busy", status=429)
        if kind == "missing":
            raise RequestRefused("No image.", code="s3_not_found", status=422)


@dataclass(frozen=True)
class Input:
    kind: str
    name: str
    shard: str
    sequence: str

    @property
    def position(self) -> str:
        return f"{self.shard}:{self.sequence}"


def written(
    shards: list[Shard], world: World, faults: Faults, *, chance: random.Random
) -> list[Input]:
    """Put the records into the shards, some of them long ago."""
    inputs: list[Input] = []
    asked: list[tuple[str, Shard, bytes]] = []
    for number in range(RECORDS):
        (kind,) = chance.choices(list(KINDS), list(KINDS.values()))
        name, shard = f"p{number}", chance.choice(shards)
        data = request(name, world.clock).model_dump_json().encode()
        if kind in {"twin", "other"} and asked:
            name, shard, data = chance.choice(asked)
            if kind == "other":
                data = data.replace(b"inference/", b"inference/other-")
        elif kind == "no json":
            data = data[:-10]
        elif kind == "no request":
            data = b'{"s3": "s3://raw/inference/1"}'
        elif kind == "too large":
            data = data + b" " * LARGEST_BYTES
        else:
            world.predictions.accept(name)
            faults.kinds[name] = kind
            if kind == "good":
                asked.append((name, shard, data))
        age = 3700 if kind == "late" else 0
        record = Record(str(10_000 + number), world.clock.now - age, data)
        shard.records.append(record)
        inputs.append(Input(kind, name, shard.name, record.sequence))
    return inputs


def ended(world: World, each: Input, given_up: set[str]) -> list[str]:
    """Return all ways in which an input ended; there has to be one."""
    ways = []
    reason = world.failures.reason(each.position)
    if reason:
        ways.append(reason.code)
    if each.position in given_up:
        ways.append("given up")
    if each.kind in {"no json", "no request", "too large", "other"} and reason:
        return ways
    state = world.predictions.get(each.name)
    if state.status == "done":
        ways.append("result")
    elif state.error:
        ways.append(state.error.code)
    return ways


EXPECTED = {
    "good": "result",
    "twin": "result",
    "missing": "s3_not_found",
    "other": "other_request",
    "no json": "record_no_json",
    "no request": "record_no_request",
    "too large": "record_too_large",
    "faulty": "internal",
    "late": "too_late",
    "killer": "consumer_ended",
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", [7])
def test_every_input_ends_once_as_a_result_or_as_a_recorded_failure(seed: int) -> None:
    world, chance = World(), random.Random(seed)
    faults = Faults(world, chance)
    shards = [Shard(f"shard-{n}", RULES, world.clock) for n in range(SHARDS)]
    inputs = written(shards, world, faults, chance=chance)
    world.step, world.endpoint = faults.step, faults.endpoint
    for shard in shards:
        shard.read(partial(world.invoke, shard.name), most=20 * RECORDS)
    world.step = lambda _: None

    given_up = {
        f"{shard.name}:{record.sequence}"
        for shard in shards
        for each in shard.given_up
        for record in each.records
    }
    ways = {each.position: ended(world, each, given_up) for each in inputs}
    assert [each for each in inputs if len(ways[each.position]) != 1] == []
    assert Counter((each.kind, ways[each.position][0]) for each in inputs) == Counter(
        (each.kind, EXPECTED[each.kind]) for each in inputs
    )
    assert given_up == set(), "Lambda gave up before the consumer had said why"

    done = {each.name for each in inputs if each.kind == "good"}
    told = [json.loads(each) for each in world.events]
    assert {each["prediction_id"] for each in told} == done
    assert len(set(world.events)) == len(done), "an event was told in two versions"
    # a crash after telling and before noting it: the events of that batch come again
    again = faults.crashes["has published"] + faults.crashes["remove"]
    assert 0 < len(world.events) - len(done) <= again * RULES.batch
    assert sum(faults.crashes.values()) > 100
    assert faults.throttled > 100
    recorded = {each["KinesisBatchInfo"]["startSequenceNumber"] for each in world.messages}
    assert recorded == {
        each.sequence
        for each in inputs
        if each.kind in {"no json", "no request", "too large", "other"}
    }
