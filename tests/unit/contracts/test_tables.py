"""The tables' columns are the records' fields, and docs/analytics.md tells of all."""

import re
from pathlib import Path

import pytest

from visionml.contracts.inference import InferenceEvent, PixelStatistics
from visionml.contracts.queries import QUERIES, SavedQuery
from visionml.contracts.tables import (
    INFERENCE_EVENTS,
    PREDICTIONS,
    TABLES,
    TableSchema,
    predictions_folder,
)

_PAGE = (Path(__file__).parents[3] / "docs" / "analytics.md").read_text(encoding="utf-8")


def test_the_table_of_events_has_the_events_fields() -> None:
    columns = {name: kind for name, kind, _about in INFERENCE_EVENTS.columns}

    assert set(columns) == set(InferenceEvent.model_fields)
    fields = re.findall(r"(\w+):double", columns["statistics"])
    assert fields == list(PixelStatistics.model_fields)


def test_results_of_batch_runs_lie_by_day_and_model() -> None:
    assert predictions_folder("2026-11-20", "v1") == "predictions/date=2026-11-20/model=v1/"
    assert len({schema.prefix for schema in TABLES}) == len(TABLES)
    assert ("run_id", "string") in {column[:2] for column in PREDICTIONS.columns}


@pytest.mark.parametrize("schema", TABLES, ids=lambda schema: schema.name)
def test_the_page_lists_a_tables_columns(schema: TableSchema) -> None:
    section = _PAGE.split(f"### `{schema.name}`", 1)[1].split("\n#", 1)[0]

    assert schema.title in section
    rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \| (.+) \|$", section, re.MULTILINE)
    assert rows == list(schema.columns)


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_the_page_tells_of_a_saved_query(query: SavedQuery) -> None:
    (row,) = re.findall(rf"^\| `{query.name}` \| (.+) \| (.+) \| (.+) \|$", _PAGE, re.MULTILINE)

    named = ", ".join(f"`{each.name}`" for each in query.distinct)
    assert row == (query.title, query.about, named)


def test_there_are_ten_saved_queries_with_names_of_their_own() -> None:
    assert len({query.name for query in QUERIES}) == len(QUERIES) == 10
