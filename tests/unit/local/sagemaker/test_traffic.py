"""How a request finds an instance, and what invocations are counted as."""

from collections import Counter
from pathlib import Path
from typing import Any

from visionml.local.sagemaker.cloud import Cloud
from visionml.local.sagemaker.core import Scope
from visionml.local.sagemaker.fleet import (
    COPIES_PER_INSTANCE,
    Fleet,
    Route,
    Traffic,
    Variant,
    release,
)
from visionml.local.sagemaker.instance import Design, Instance
from visionml.local.sagemaker.meter import Invocation, Source, metric_data

SCOPE = Scope("000000000000", "us-east-1")
CLOUD = Cloud("https://127.0.0.1:1", None, Path("unused"))


def variant(name: str, weight: float = 1.0, *, ready: int = 1, strategy: str = "") -> Variant:
    config: dict[str, Any] = {"RoutingConfig": {"RoutingStrategy": strategy}} if strategy else {}
    design = Design(SCOPE, "endpoint", name, {}, "role", isolated=False, patience_seconds=1)
    made = Variant(config, design, CLOUD, weight, ready, {})
    made.instances += [Instance(design, CLOUD, ready=True) for _ in range(ready)]
    return made


def sent(traffic: Traffic, count: int, target: str | None = None) -> Counter[str]:
    leased = [traffic.lease(target) for _ in range(count)]
    return Counter(each[0].name for each in leased if each)


def test_weights_share_the_traffic() -> None:
    fleet = Fleet("config", [variant("A", 3.0), variant("B", 1.0), variant("C", 0.0)])
    traffic = Traffic((Route(fleet, 1.0),))
    counted = sent(traffic, 2000)
    assert 1350 < counted["A"] < 1650
    assert counted["C"] == 0
    assert sent(traffic, 10, "C") == {"C": 10}


def test_shares_split_the_traffic_between_fleets() -> None:
    old, new = Fleet("old", [variant("Old")]), Fleet("new", [variant("New")])
    traffic = Traffic()
    traffic.send_to(Route(old, 0.9), Route(new, 0.1))
    assert 120 < sent(traffic, 2000)["New"] < 290
    traffic.send_to(Route(new, 1.0))
    assert sent(traffic, 10) == {"New": 10}


def test_a_named_variant_and_the_weights_hold_in_every_fleet() -> None:
    fleets = [Fleet(name, [variant("A", 3.0), variant("B", 1.0)]) for name in ("old", "new")]
    traffic = Traffic(tuple(Route(fleet, 0.5) for fleet in fleets))
    leased = [traffic.lease("B") for _ in range(100)]
    assert {id(each[0]) for each in leased if each} == {id(fleet.variants[1]) for fleet in fleets}
    assert 1350 < sent(traffic, 2000)["A"] < 1650


def test_only_active_instances_of_a_canary_get_requests() -> None:
    canary = variant("A", ready=4)
    canary.active = 1
    traffic = Traffic((Route(Fleet("new", [canary]), 1.0),))
    sent(traffic, 20)
    assert [instance.busy for instance in canary.instances] == [20, 0, 0, 0]


def test_a_fleet_without_a_ready_instance_leaves_its_share_to_the_other() -> None:
    old, new = variant("A"), variant("A", ready=0)
    traffic = Traffic((Route(Fleet("old", [old]), 0.1), Route(Fleet("new", [new]), 0.9)))
    sent(traffic, 50)
    assert old.instances[0].busy == 50


def test_an_instance_to_avoid_is_not_leased_again() -> None:
    pair = variant("A", ready=2)
    traffic = Traffic((Route(Fleet("config", [pair]), 1.0),))
    first, second = pair.instances
    assert {id((traffic.lease("A", [first]) or (None, None))[1]) for _ in range(20)} == {id(second)}
    leased = traffic.lease("A", pair.instances)
    assert leased is not None
    assert leased[1] is None


def test_retired_instances_get_no_further_request() -> None:
    shrinking = variant("A", ready=3)
    traffic = Traffic((Route(Fleet("config", [shrinking]), 1.0),))
    retired = traffic.retire(shrinking, 1)
    sent(traffic, 30)
    assert [instance.busy for instance in retired] == [0, 0]
    assert [instance.busy for instance in shrinking.instances] == [30]


def test_a_shadow_gets_the_share_of_copies_that_its_weight_says() -> None:
    production, shadow = variant("A", 2.0), variant("Shadow", 1.0, ready=20)
    traffic = Traffic((Route(Fleet("config", [production], [shadow]), 1.0),))
    copies = [traffic.lend_copy(production) for _ in range(1000)]
    assert 400 < sum(each is not None for each in copies) < 600
    assert traffic.lend_copy(shadow) is None


def test_a_shadow_that_does_not_keep_up_gets_no_more_copies() -> None:
    production, shadow = variant("A"), variant("Shadow")
    traffic = Traffic((Route(Fleet("config", [production], [shadow]), 1.0),))
    copies = [traffic.lend_copy(production) for _ in range(2 * COPIES_PER_INSTANCE)]
    assert sum(each is not None for each in copies) == COPIES_PER_INSTANCE


def test_an_instance_counts_once_it_has_come_into_service() -> None:
    growing = variant("A", ready=2)
    growing.instances[0].ready = False
    assert growing.summary()["CurrentInstanceCount"] == 1
    growing.instances[0].deaths = 1
    assert growing.summary()["CurrentInstanceCount"] == 2


def test_an_unknown_variant_and_an_endpoint_without_routes_lease_nothing() -> None:
    traffic = Traffic((Route(Fleet("config", [variant("A")]), 1.0),))
    assert traffic.lease("B") is None
    assert Traffic().lease(None) is None


def test_a_variant_without_a_ready_instance_leases_none() -> None:
    traffic = Traffic((Route(Fleet("config", [variant("A", ready=0)]), 1.0),))
    leased = traffic.lease(None)
    assert leased is not None
    assert leased[1] is None


def test_least_outstanding_requests_spreads_evenly() -> None:
    chosen = variant("A", ready=3, strategy="LEAST_OUTSTANDING_REQUESTS")
    traffic = Traffic((Route(Fleet("config", [chosen]), 1.0),))
    sent(traffic, 30)
    assert [instance.busy for instance in chosen.instances] == [10, 10, 10]
    release(chosen.instances[0])
    leased = traffic.lease(None)
    assert leased is not None
    assert leased[1] is chosen.instances[0]


def test_invocations_become_one_point_with_all_values() -> None:
    source = Source(SCOPE, "endpoint", "A")
    statuses = (200, 200, 404, 500, 0)
    data = metric_data(source, [Invocation(status, 1000.0, 50.0, 2) for status in statuses])
    found = {each["MetricName"]: each for each in data}

    def total(name: str) -> float:
        pairs = zip(found[name]["Values"], found[name]["Counts"], strict=True)
        return float(sum(value * count for value, count in pairs))

    assert total("Invocations") == 5
    assert total("InvocationsPerInstance") == 2.5
    assert total("Invocation4XXErrors") == 1
    assert total("Invocation5XXErrors") == 2
    assert found["ModelLatency"]["Values"] == [1000.0]
    assert found["ModelLatency"]["Unit"] == "Microseconds"
    assert found["Invocations"]["Dimensions"] == [
        {"Name": "EndpointName", "Value": "endpoint"},
        {"Name": "VariantName", "Value": "A"},
    ]
