"""How a shard goes on after failures: which records are tried again, and which are given up."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from visionml.local.shard_progress import (
    RETRIES_EXHAUSTED,
    RETRY_SECONDS,
    TOO_OLD,
    Discarded,
    Progress,
    Record,
    Rules,
    first_failed,
)

Fails = Callable[[Sequence[int]], int | None]


def records(count: int) -> list[Record]:
    return [Record(str(number), 1000.0 + number) for number in range(1, count + 1)]


def run(
    rules: Rules, fails: Fails, *, count: int = 8, most: int = 60
) -> tuple[list[list[int]], list[tuple[list[int], str, int]]]:
    """Read a shard to its end; return the batches handed over and what was given up."""
    progress, kept, now = Progress(), records(count), 1000.0 + count
    batches: list[list[int]] = []
    discarded: list[Discarded] = []
    for _ in range(most):
        left = [each for each in kept if int(each.sequence) > progress.done][: rules.batch]
        if not left:
            break
        now = max(now, progress.wait_until)
        if (aged := progress.aged(left, rules, now)) is not None:
            discarded.append(aged)
            continue
        batch = progress.batch(left, rules)
        batches.append([int(each.sequence) for each in batch])
        if (given_up := progress.ended(batch, rules, fails(batches[-1]), now)) is not None:
            discarded.append(given_up)
    return batches, [
        ([int(each.sequence) for each in one.records], one.condition, one.attempts)
        for one in discarded
    ]


def whole(poison: int) -> Fails:
    """Fail every batch with a record in it."""
    return lambda batch: 0 if poison in batch else None


def reported(poison: int) -> Fails:
    """Report a record."""
    return lambda batch: batch.index(poison) if poison in batch else None


def test_batches_follow_each_other_while_all_goes_well() -> None:
    batches, discarded = run(Rules(batch=3), lambda _batch: None)
    assert batches == [[1, 2, 3], [4, 5, 6], [7, 8]]
    assert discarded == []


def test_a_batch_is_tried_again_as_a_whole_until_its_attempts_are_spent() -> None:
    batches, discarded = run(Rules(batch=4, retries=2), whole(3))
    assert batches == [[1, 2, 3, 4]] * 3 + [[5, 6, 7, 8]]
    assert discarded == [([1, 2, 3, 4], RETRIES_EXHAUSTED, 3)]


def test_what_was_done_before_the_first_reported_record_is_not_done_again() -> None:
    batches, discarded = run(Rules(batch=4, retries=2), reported(3))
    assert batches == [[1, 2, 3, 4], [3, 4], [3, 4], [5, 6, 7, 8]]
    assert discarded == [([3, 4], RETRIES_EXHAUSTED, 3)]


@pytest.mark.parametrize("fails", [whole, reported])
@pytest.mark.parametrize("poison", range(1, 9))
def test_splitting_gives_up_the_one_bad_record_and_loses_no_other(
    fails: Callable[[int], Fails], poison: int
) -> None:
    batches, discarded = run(Rules(batch=8, retries=1, bisect=True), fails(poison))
    ((given_up, condition, _),) = discarded
    assert (given_up, condition) == ([poison], RETRIES_EXHAUSTED)
    assert batches.count([poison]) == 2
    done = {number for batch in batches if poison not in batch for number in batch} | {
        number for batch in batches for number in batch if fails is reported and number < poison
    }
    assert done == set(range(1, 9)) - {poison}
    assert batches == sorted(batches, key=lambda batch: batch[0])


def test_without_a_quota_a_batch_is_tried_for_ever() -> None:
    batches, discarded = run(Rules(batch=4), whole(1), most=30)
    assert batches == [[1, 2, 3, 4]] * 30
    assert discarded == []


def test_records_that_are_too_old_are_given_up_before_the_function_sees_them() -> None:
    batches, discarded = run(Rules(batch=4, age_seconds=4), lambda _batch: None)
    assert discarded == [([1, 2, 3], TOO_OLD, 0)]
    assert batches == [[4, 5, 6, 7], [8]]
    batches, discarded = run(Rules(batch=4, age_seconds=9), whole(6))
    assert [(one, condition) for one, condition, _ in discarded] == [([5], TOO_OLD), ([6], TOO_OLD)]
    assert batches[0] == [1, 2, 3, 4]
    assert batches[-1] == [7, 8]


def test_a_failed_batch_waits_and_a_split_one_does_not() -> None:
    progress, kept = Progress(), records(4)
    assert progress.ended(kept, Rules(batch=4, bisect=True), 0, 50.0) is None
    assert progress.wait_until == 0
    assert [each.sequence for each in progress.batch(kept, Rules(batch=4))] == ["1", "2"]
    progress.ended(kept[:1], Rules(batch=4), 0, 50.0)
    assert progress.wait_until == 50.0 + RETRY_SECONDS


@pytest.mark.parametrize(
    ("answer", "place"),
    [
        (None, None),
        ({}, None),
        ("done", None),
        ({"batchItemFailures": None}, None),
        ({"batchItemFailures": []}, None),
        ('{"batchItemFailures": []}', None),
        ({"batchItemFailures": [{"itemIdentifier": "3"}, {"itemIdentifier": "2"}]}, 1),
        ('{"batchItemFailures": [{"itemIdentifier": "3"}]}', 2),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, 0),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, 0),
        ({"batchItemFailures": [{"sequence": "3"}]}, 0),
        ({"batchItemFailures": "3"}, 0),
    ],
)
def test_the_first_reported_record_counts_and_nonsense_fails_the_batch(
    answer: Any, place: int | None
) -> None:
    assert first_failed(records(4), answer, Rules(partial=True)) == place
    assert first_failed(records(4), answer, Rules()) is None


def test_rules_are_read_from_a_mapping_and_from_a_templates_texts() -> None:
    assert Rules.of({"BatchSize": 10}) == Rules(batch=10)
    assert Rules.of(
        {
            "BatchSize": "7",
            "MaximumRetryAttempts": "3",
            "MaximumRecordAgeInSeconds": 3600,
            "BisectBatchOnFunctionError": "true",
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
        }
    ) == Rules(batch=7, retries=3, age_seconds=3600, bisect=True, partial=True)
