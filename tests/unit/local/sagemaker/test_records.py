"""Stores, pages of lists, tags and ARNs."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from visionml.local.sagemaker.core import Listing, Record, Scope, Store, tags_of
from visionml.local.sagemaker.faults import Fault

HERE = Scope("000000000000", "us-east-1")
START = datetime(2026, 1, 1, tzinfo=UTC)
LISTING = Listing("Things", "Name", "Status")


def record(name: str, scope: Scope = HERE) -> Record:
    return Record(scope, name, scope.arn("model", name), {})


def things(count: int) -> list[dict[str, Any]]:
    return [
        {
            "Name": f"thing-{number}",
            "Status": "Odd" if number % 2 else "Even",
            "CreationTime": START + timedelta(minutes=number),
            "LastModifiedTime": START + timedelta(hours=number),
        }
        for number in range(count)
    ]


def names(answer: dict[str, Any]) -> list[str]:
    return [thing["Name"] for thing in answer["Things"]]


def test_arns_are_in_lower_case_as_sagemakers() -> None:
    assert HERE.arn("endpoint", "My-Endpoint") == (
        "arn:aws:sagemaker:us-east-1:000000000000:endpoint/my-endpoint"
    )


def test_a_name_is_taken_once_per_scope() -> None:
    store: Store[Record] = Store()
    elsewhere = Scope("000000000000", "eu-west-1")
    assert store.add(record("a"))
    assert not store.add(record("a"))
    assert store.add(record("a", elsewhere))
    assert [each.name for each in store.of(HERE)] == ["a"]
    assert store.get(HERE, "b") is None


def test_a_record_is_found_by_its_arn_and_forgotten() -> None:
    store: Store[Record] = Store()
    kept = record("Upper")
    store.add(kept)
    assert store.by_arn(kept.arn.upper()) is kept
    store.remove(kept)
    assert store.by_arn(kept.arn) is None


def test_facts_win_over_the_request() -> None:
    made = Record(HERE, "a", "arn", {"Status": "asked", "Kept": 1})
    made.learn(Status="found")
    described = made.described()
    assert described["Status"] == "found"
    assert described["Kept"] == 1
    assert described["LastModifiedTime"] >= described["CreationTime"]


def test_pages_follow_each_other_to_the_end() -> None:
    seen: list[str] = []
    request: dict[str, Any] = {"MaxResults": 4}
    while True:
        page = LISTING.page(request, things(10))
        seen += names(page)
        if "NextToken" not in page:
            break
        request["NextToken"] = page["NextToken"]
    assert seen == [f"thing-{number}" for number in range(10)]


def test_a_list_is_filtered_and_sorted_as_asked() -> None:
    assert names(LISTING.page({"StatusEquals": "Odd"}, things(4))) == ["thing-1", "thing-3"]
    assert names(LISTING.page({"NameContains": "G-2"}, things(4))) == ["thing-2"]
    after = {"CreationTimeAfter": START + timedelta(minutes=1)}
    assert names(LISTING.page(after, things(4))) == ["thing-2", "thing-3"]
    before = {"LastModifiedTimeBefore": START + timedelta(hours=1)}
    assert names(LISTING.page(before, things(4))) == ["thing-0"]
    by_name = {"SortBy": "Name", "SortOrder": "Descending"}
    assert names(LISTING.page(by_name, things(3))) == ["thing-2", "thing-1", "thing-0"]


@pytest.mark.parametrize("token", ["x", "b2Zmc2V0", "!!!"])
def test_a_token_of_somebody_elses_is_refused(token: str) -> None:
    with pytest.raises(Fault, match="pagination token is not valid"):
        LISTING.page({"NextToken": token}, things(1))


def test_tags_are_kept_by_key() -> None:
    assert tags_of({"Tags": [{"Key": "a", "Value": "1"}]}) == {"a": "1"}
    assert tags_of({}) == {}
