"""Items of the lineage table: nodes, and edges written in both directions.

A node is ``PK=KIND#id, SK=NODE`` with ``status`` and ``timestamp`` (the keys of
``StatusIndex``) and its facts. An edge from A to B is two items:
``PK=A, SK=OUT#relation#B`` and ``PK=B, SK=IN#relation#A``.

What an image belongs to is looked up in the manifests, and its node is in no table.

Two more kinds of items have no status and are no part of the graph: which deployment has an
endpoint (``CLAIM``), and which one waits for a person (``APPROVAL``).
"""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue

Kind = Literal["IMAGE", "DATASET", "RUN", "MODEL", "DEPLOYMENT"]
Relation = Literal["holds", "trained_on", "produced", "deployed_as"]

MADE_FROM_TARGET: frozenset[Relation] = frozenset({"holds", "trained_on"})
"""Relations whose source was made from their target; in the others the target comes later."""

NODE_SK = "NODE"
CLAIM_SK = "CLAIM"
APPROVAL_SK = "APPROVAL"
STATUS_INDEX = "StatusIndex"


def image_node(image_id: str) -> str:
    """Return the node id of an image that intake has seen."""
    return f"IMAGE#{image_id}"


def dataset_node(dataset: str, version: str) -> str:
    """Return the node id of a dataset version."""
    return f"DATASET#{dataset}@{version}"


def run_node(run_id: str) -> str:
    """Return the node id of a training run."""
    return f"RUN#{run_id}"


def model_node(version: str) -> str:
    """Return the node id of a model version."""
    return f"MODEL#{version}"


def deployment_node(deployment_id: str) -> str:
    """Return the node id of one deployment."""
    return f"DEPLOYMENT#{deployment_id}"


def deployment_claim(endpoint: str) -> str:
    """Return the id of the item that says which deployment has an endpoint."""
    return f"CLAIM#{endpoint}"


def approval_request(package_arn: str) -> str:
    """Return the id of the item of the deployment that waits for a package's approval."""
    return f"APPROVAL#{package_arn}"


class Node(BaseModel):
    """One dataset version, run, model or deployment."""

    model_config = ConfigDict(frozen=True)

    id: str
    status: str
    timestamp: datetime
    facts: dict[str, JsonValue] = {}


class Edge(BaseModel):
    """``source`` relates to ``target``, such as run *trained_on* dataset."""

    model_config = ConfigDict(frozen=True)

    source: str
    relation: Relation
    target: str

    @property
    def earlier(self) -> str:
        """The end that the other one was made from."""
        return self.target if self.relation in MADE_FROM_TARGET else self.source

    @property
    def later(self) -> str:
        """The end that was made from the other one."""
        return self.source if self.relation in MADE_FROM_TARGET else self.target
