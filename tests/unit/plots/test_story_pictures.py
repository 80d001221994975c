"""Pictures of a search, of the lineage and of a champion beside its challenger."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from tests.fakes import events
from visionml.contracts.evaluation import Comparison, EvaluationReport
from visionml.contracts.lineage import Edge, Node
from visionml.errors import NotFound
from visionml.plots import comparison, lineage, tuning
from visionml.registry.lineage import LineageGraph

REPORT = EvaluationReport.model_validate(events.load("evaluation_report"))
JOBS = pd.DataFrame(
    {
        "objective": [0.5, float("nan"), 0.9, 0.7],
        "learning_rate": [0.0001, 0.2, 0.01, 0.03],
        "optimiser": ["sgd", "adamw", "adamw", "sgd"],
        "status": ["Completed", "Failed", "Completed", "Completed"],
        "seconds": [1.0, 1.0, 1.0, 1.0],
        "training job": list("abcd"),
    },
    index=pd.RangeIndex(1, 5, name="job"),
)


def node(node_id: str, hour: int) -> Node:
    return Node(id=node_id, status="registered", timestamp=datetime(2026, 1, 1, hour, tzinfo=UTC))


GRAPH = LineageGraph(
    start="MODEL#m",
    nodes=(
        node("MODEL#m", 3),
        node("DATASET#digits@0123456789abcdef0123456789", 1),
        node("RUN#m", 2),
        node("DEPLOYMENT#two", 5),
        node("DEPLOYMENT#one", 4),
    ),
    edges=(
        Edge(
            source="RUN#m",
            relation="trained_on",
            target="DATASET#digits@0123456789abcdef0123456789",
        ),
        Edge(source="RUN#m", relation="produced", target="MODEL#m"),
        Edge(source="MODEL#m", relation="deployed_as", target="DEPLOYMENT#one"),
        Edge(source="MODEL#m", relation="deployed_as", target="DEPLOYMENT#two"),
        Edge(source="MODEL#m", relation="deployed_as", target="DEPLOYMENT#unread"),
    ),
)
CHALLENGE = Comparison(
    champion_version="champion",
    better=False,
    reason="It is not better beyond noise.",
    p_value=0.6,
    difference=0.004,
    low=-0.01,
    high=0.02,
    wins=3,
    losses=2,
)


def test_a_search_shows_the_best_so_far_and_every_hyperparameter() -> None:
    drawn = tuning.search(JOBS, objective="validation_accuracy")
    first, *others = drawn.figure.axes
    assert [np.asarray(line.get_ydata()).tolist() for line in first.lines] == [
        [0.5, 0.9, 0.9],
        [0.5, 0.9, 0.7],
    ]
    assert [axes.get_xlabel() for axes in others] == ["learning rate", "optimiser"]
    assert others[0].get_xscale() == "log"
    assert drawn.description == (
        "3 jobs; the best, job 3, reached a validation accuracy of 0.9000 with "
        "learning_rate 0.01, optimiser adamw."
    )
    assert drawn.png(dots_per_inch=60).startswith(b"\x89PNG")


def test_a_search_without_results_is_not_drawn() -> None:
    with pytest.raises(NotFound, match="No job"):
        tuning.search(JOBS[JOBS["status"] == "Failed"], objective="validation_accuracy")


def test_the_lineage_is_drawn_from_datasets_to_deployments() -> None:
    drawn = lineage.graph(GRAPH)
    texts = {
        text.get_text().splitlines()[0]: text.get_position() for text in drawn.figure.axes[0].texts
    }
    assert texts["digits@0123456789abcdef01…"][0] < texts["m"][0] < texts["one"][0]
    assert texts["one"][1] > texts["two"][1]
    assert drawn.description == "The lineage of m: 1 dataset, 1 run, 1 model, 2 deployment."
    assert drawn.png(dots_per_inch=60).startswith(b"\x89PNG")


def test_an_arrow_is_drawn_only_between_nodes_that_were_read() -> None:
    kinds = [type(patch).__name__ for patch in lineage.graph(GRAPH).figure.axes[0].patches]
    assert (kinds.count("FancyBboxPatch"), kinds.count("FancyArrowPatch")) == (5, 4)


def test_a_challenger_is_shown_beside_the_champion() -> None:
    drawn = comparison.champion(REPORT.model_copy(update={"comparison": CHALLENGE}))
    assert drawn.description == "It is not better beyond noise."
    ticks = drawn.figure.axes[0].get_xticks()
    assert ticks.tolist() == np.round(ticks).tolist()
    assert drawn.png(dots_per_inch=60).startswith(b"\x89PNG")


def test_why_two_models_cannot_be_compared_is_shown() -> None:
    unlike = Comparison(champion_version="champion", comparable=False, reason="Other classes.")
    drawn = comparison.champion(REPORT.model_copy(update={"comparison": unlike}))
    assert [text.get_text() for text in drawn.figure.axes[0].texts] == ["Other classes."]


def test_that_no_model_served_is_shown() -> None:
    drawn = comparison.champion(REPORT.model_copy(update={"comparison": None}))
    assert drawn.description.endswith("was compared with no serving model.")
