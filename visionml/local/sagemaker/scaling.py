"""Changing the weights and the instance counts of an endpoint that serves."""

from collections.abc import Sequence
from dataclasses import dataclass

from visionml.local.sagemaker.core import Document
from visionml.local.sagemaker.faults import invalid, not_offered
from visionml.local.sagemaker.fleet import Variant, drain
from visionml.local.sagemaker.hosting import Endpoint, Events
from visionml.local.sagemaker.instance import LaunchFailed, run_together


@dataclass(frozen=True)
class Change:
    """What a variant had before; what it is to have is in the variant."""

    variant: Variant
    weight: float
    count: int


def changes(endpoint: Endpoint, wanted: Sequence[Document]) -> list[Change]:
    """Give variants their desired weights and counts; return what has to be done for them.

    Raises
    ------
    Fault
        ``ValidationException``: a variant is unknown or named twice, or nothing is asked for.
    """
    known = {variant.name: variant for variant in endpoint.fleet.everyone} if endpoint.fleet else {}
    names = [each["VariantName"] for each in wanted]
    if len(names) != len(set(names)):
        raise invalid("Variant names must be unique within DesiredWeightsAndCapacities.")
    for each in wanted:
        _check(endpoint, each, known)
    made = []
    for each in wanted:
        variant = known[each["VariantName"]]
        made.append(Change(variant, variant.weight, variant.desired))
        variant.desired = int(each.get("DesiredInstanceCount", variant.desired))
        variant.desired_weight = float(each.get("DesiredWeight", variant.weight))
    return made


def _check(endpoint: Endpoint, wanted: Document, known: dict[str, Variant]) -> None:
    name = wanted["VariantName"]
    if name not in known:
        raise invalid(f'Could not find variant "{name}" of endpoint "{endpoint.arn}".')
    if "ServerlessUpdateConfig" in wanted:
        raise not_offered("serverless variants (ServerlessUpdateConfig)")
    if "DesiredWeight" not in wanted and "DesiredInstanceCount" not in wanted:
        raise invalid(
            f"One of DesiredWeight and DesiredInstanceCount must be given for variant {name}."
        )
    if wanted.get("DesiredInstanceCount") == 0:
        raise invalid(f"DesiredInstanceCount of variant {name} must be at least 1.")


def scale(endpoint: Endpoint, work: Sequence[Change], events: Events) -> None:
    """Apply weights at once, then bring instances up, then let surplus ones end.

    When instances do not come into service, everything returns to what it was before.
    """
    endpoint.become(events, "Updating")
    for change in work:
        _weigh(change.variant)
        _show(change.variant)
    endpoint.progressed(events)
    reason = None
    try:
        run_together([change.variant.launch for change in work])
    except LaunchFailed as failed:
        reason = str(failed)
        for change in work:
            change.variant.desired, change.variant.desired_weight = change.count, change.weight
            _weigh(change.variant)
        endpoint.become(events, "RollingBack", reason=reason)
    for change in work:
        _shrink(endpoint, change.variant)
        change.variant.status = None
    endpoint.become(events, "InService", reason=reason)


def _weigh(variant: Variant) -> None:
    if variant.desired_weight is not None:
        variant.weight, variant.desired_weight = variant.desired_weight, None


def _show(variant: Variant) -> None:
    direction = variant.desired - len(variant.instances)
    if direction:
        word = "out" if direction > 0 else "in"
        variant.show("Updating", f"Scaling {word} desired instance count to {variant.desired}.")


def _shrink(endpoint: Endpoint, variant: Variant) -> None:
    surplus = endpoint.traffic.retire(variant, variant.desired)
    drain(surplus)
    run_together([instance.stop for instance in surplus])
