"""A month's bill of small templates, worked out by hand; a month has 365 / 12 days, 730 hours."""

from typing import Any

import pytest

from visionml.contracts import settings
from visionml.contracts.settings import Settings
from visionml.economics.estimate import CHARGES, OUTSIDE, Estimate, estimate
from visionml.economics.free import FREE
from visionml.economics.template import Kept, Resource, kept, times
from visionml.errors import InvalidInput, SettingsInvalid

TRANSITIONS = [
    {"StorageClass": "STANDARD_IA", "TransitionInDays": 30},
    {"StorageClass": "GLACIER_IR", "TransitionInDays": 90},
]
LIFE: dict[str, Any] = {
    "VersioningConfiguration": {"Status": "Enabled"},
    "LifecycleConfiguration": {
        "Rules": [
            {"NoncurrentVersionExpiration": {"NoncurrentDays": 30}},
            {"Prefix": "others/", "ExpirationInDays": 730, "Transitions": TRANSITIONS},
            {"Prefix": "uploads/", "NoncurrentVersionExpiration": {"NoncurrentDays": 7}},
        ]
    },
}


def prod(**overrides: Any) -> Settings:
    """Production at 12,000 images and predictions a day: 365,000 a month."""
    day = {"images_per_day": 12_000, "predictions_per_day": 12_000}
    return settings.changed(settings.load("prod"), {**day, **overrides})


def bill(
    kind: str, *, chosen: Settings | None = None, assume: Any = None, **properties: Any
) -> Estimate:
    template = {"Resources": {"It": {"Type": kind, "Properties": properties}}}
    return estimate(chosen or prod(), {"Stack": template}, assume=assume)


def usd(found: Estimate, what: str) -> float:
    return sum(line.usd for line in found.lines if line.stack != OUTSIDE and line.what == what)


def test_a_function_costs_its_calls_and_their_memory() -> None:
    found = bill(
        "AWS::Lambda::Function",
        FunctionName="serverlessapp-file-manager-prod-us-east-1",
        Architectures=["arm64"],
        MemorySize=512,
        Timeout=30,
        Code={},
    )
    # 365,000 calls of 0.005 s + 4 x 0.03 s at 0.5 GB
    assert usd(found, "requests") == pytest.approx(365_000 * 0.2e-6)
    assert usd(found, "duration") == pytest.approx(365_000 * 0.125 * 0.5 * 0.0000133334)


def test_a_function_that_nothing_is_known_of_is_counted_by_its_schedule() -> None:
    function = {"Type": "AWS::Lambda::Function", "Properties": {"MemorySize": 1024, "Timeout": 10}}
    rule = {
        "Type": "AWS::Events::Rule",
        "Properties": {
            "ScheduleExpression": "rate(1 hour)",
            "Targets": [{"Arn": {"Fn::GetAtt": ["It", "Arn"]}, "Id": "Target0"}],
        },
    }
    found = estimate(prod(), {"Stack": {"Resources": {"It": function, "Hourly": rule}}})
    assert usd(found, "duration") == pytest.approx(730 * 10 * 0.0000166667)


def test_labels_are_paid_for_each_image() -> None:
    found = bill(
        "AWS::Lambda::Function", FunctionName="serverlessapp-image-processor-prod-us-east-1"
    )
    assert usd(found, "DetectLabels") == pytest.approx(365.0)


def test_images_are_kept_in_the_classes_of_their_life_cycle() -> None:
    found = bill(
        "AWS::S3::Bucket",
        BucketName="ml-pipeline-images-prod-us-east-1-123456789012",
        assume={"image_megabytes": 2},
        **LIFE,
    )
    # 24 GB a day: 30 days standard, 60 infrequent, 640 in Glacier Instant Retrieval
    assert usd(found, "others/ standard") == pytest.approx(24 * 30 * 0.023)
    assert usd(found, "others/ infrequent") == pytest.approx(24 * 60 * 0.0125)
    assert usd(found, "others/ Glacier") == pytest.approx(24 * 640 * 0.004)
    assert usd(found, "others/ to Glacier") == pytest.approx(365_000 * 20e-6)
    # what intake deletes stays as a former version for 7 days
    assert usd(found, "uploads/ standard") == pytest.approx(24 * 7 * 0.023)


def test_a_table_writes_each_record_three_times_and_its_indexes_too() -> None:
    found = bill(
        "AWS::DynamoDB::Table",
        TableName="ml-pipeline-images-prod-us-east-1",
        GlobalSecondaryIndexes=[{}, {}],
        assume={"record_kilobytes": 2},
    )
    assert usd(found, "writes") == pytest.approx(365_000 * 3 * 2 * 3 * 0.625e-6)
    assert usd(found, "records") == pytest.approx(12_000 * 730 * 2 * 3 / 1e6 * 0.25)


def test_shards_cost_their_hours() -> None:
    found = bill("AWS::Kinesis::Stream", Name="ml-pipeline-events-prod-us-east-1", ShardCount=4)
    assert usd(found, "shards") == pytest.approx(4 * 730 * 0.015)


def test_a_large_record_is_paid_by_25_kilobytes() -> None:
    found = bill(
        "AWS::Kinesis::Stream",
        Name="ml-pipeline-requests-prod-us-east-1",
        ShardCount=1,
        assume={"async_share": 1, "request_kilobytes": 60},
    )
    assert usd(found, "records") == pytest.approx(365_000 * 3 * 0.014e-6)


def test_a_stream_on_demand_costs_its_data() -> None:
    found = bill(
        "AWS::Kinesis::Stream",
        Name="ml-pipeline-requests-prod-us-east-1",
        StreamModeDetails={"StreamMode": "ON_DEMAND"},
        assume={"async_share": 1, "request_kilobytes": 100},
    )
    assert usd(found, "stream") == pytest.approx(730 * 0.04)
    assert usd(found, "data in") == pytest.approx(36.5 * 0.08)


def test_an_endpoint_has_its_minimum_of_instances_all_month() -> None:
    found = bill("AWS::SageMaker::Endpoint", chosen=prod(**{"batch.schedule_hours": 0}))
    assert usd(found, "instances") == pytest.approx(2 * 730 * 0.115)


def test_an_endpoint_under_load_has_the_instances_that_the_load_asks_for() -> None:
    # 3,000 a minute at 1,000 for each instance are 3; five times as many are 10, the most
    chosen = prod(predictions_per_day=3_000 * 60 * 24, **{"batch.schedule_hours": 0})
    measured = {"cache_hit_rate": 0, "peak_factor": 5, "peak_hours": 2}
    plain = chosen.model_copy(update={"serving": chosen.serving.model_copy(update={"night": None})})
    found = bill("AWS::SageMaker::Endpoint", chosen=plain, assume=measured)
    assert usd(found, "instances") == pytest.approx((22 * 3 + 2 * 10) * 365 / 12 * 0.115)


def test_interface_endpoints_cost_by_zone_and_gateways_nothing() -> None:
    interface = bill("AWS::EC2::VPCEndpoint", VpcEndpointType="Interface", SubnetIds=["a", "b"])
    assert usd(interface, "hours") == pytest.approx(2 * 730 * 0.01)
    gateway = bill("AWS::EC2::VPCEndpoint", VpcEndpointType="Gateway")
    assert {line.stack for line in gateway.lines} == {OUTSIDE}
    assert gateway.unpriced == ()


def test_an_alarm_costs_by_the_metrics_it_watches_and_their_periods() -> None:
    metrics = [
        {"Id": "m1", "MetricStat": {"Period": 60}},
        {"Id": "m2", "MetricStat": {"Period": 60}},
    ]
    assert usd(bill("AWS::CloudWatch::Alarm", Metrics=metrics), "metrics watched") == 0.2
    assert usd(bill("AWS::CloudWatch::Alarm", Period=10), "metrics watched") == 0.3


def test_a_key_costs_a_dollar_and_its_uses() -> None:
    found = bill("AWS::KMS::Key", assume={"kms_calls_per_image": 4})
    assert usd(found, "key") == 1
    assert usd(found, "requests") == pytest.approx(4 * 365_000 * 0.03 / 10_000)


def test_a_type_that_nobody_knows_is_told_and_not_counted_as_free() -> None:
    found = bill("AWS::NewService::Thing")
    assert [(each.where, each.what) for each in found.unpriced] == [
        ("Stack/It", "AWS::NewService::Thing")
    ]


def test_an_instance_without_a_price_is_told() -> None:
    found = bill("AWS::SageMaker::Endpoint", chosen=prod(**{"serving.instance_type": "ml.p9.huge"}))
    assert "instances: ml.p9.huge" in [each.what for each in found.unpriced]


def test_no_type_is_both_priced_and_free() -> None:
    assert set(CHARGES) & set(FREE) == set()


def test_every_free_type_has_its_reason() -> None:
    assert all(len(reason) > 10 and reason.endswith(".") for reason in FREE.values())


def test_a_range_holds_the_estimate_and_what_is_set_has_none() -> None:
    name = "ml-pipeline-images-prod-us-east-1-123456789012"
    bucket: dict[str, Any] = {"BucketName": name, **LIFE}
    low, high = bill("AWS::S3::Bucket", **bucket).range_usd
    assert low < bill("AWS::S3::Bucket", **bucket).usd < high
    for line in bill("AWS::S3::Bucket", assume={"image_megabytes": 2}, **bucket).lines:
        if line.what == "others/ standard":
            assert (line.low_usd, line.high_usd) == (line.usd, line.usd)


def test_what_images_and_predictions_cost_is_what_grows_with_them() -> None:
    labels = bill(
        "AWS::Lambda::Function",
        FunctionName="serverlessapp-image-processor-prod-us-east-1",
        MemorySize=1024,
    )
    seconds = 0.805 * 0.0000166667
    assert labels.per_million_images_usd == pytest.approx(1e6 * (0.001 + 0.2e-6 + seconds))
    endpoint = bill("AWS::SageMaker::Endpoint", chosen=prod(**{"batch.schedule_hours": 0}))
    data = 0.016 * 100e-6 * (1 - 0.8 * 0.1)  # the cache answers a tenth of those at once
    assert endpoint.per_prediction_usd == pytest.approx(2 * 730 * 0.115 / 365_000 + data)


@pytest.mark.parametrize(
    ("assume", "message"),
    [({"image_size": 2}, "image_megabytes"), ({"async_share": 2}, "cannot be 2")],
)
def test_an_assumption_that_makes_no_sense_is_refused(
    assume: dict[str, float], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        bill("AWS::KMS::Key", assume=assume)


def test_a_region_without_prices_can_be_estimated_at_anothers() -> None:
    elsewhere = prod(region="eu-north-1")
    with pytest.raises(SettingsInvalid):
        estimate(elsewhere, {})
    assert estimate(elsewhere, {}, region="us-west-2").prices.region == "us-west-2"


@pytest.mark.parametrize(
    ("expression", "monthly"),
    [
        ("rate(1 hour)", 730),
        ("rate(15 minutes)", 2920),
        ("rate(1 day)", 730 / 24),
        ("cron(0 1 * * ? *)", 365 / 12),
        ("cron(0/30 8,20 * * ? *)", 2 * 2 * 365 / 12),
        ("cron(0 6 ? * MON *)", 365 / 12 / 7),
    ],
)
def test_schedules_are_counted(expression: str, monthly: float) -> None:
    assert times(expression) == pytest.approx(monthly)


def test_what_no_rule_deletes_is_counted_for_a_year() -> None:
    bucket = Resource("Stack", "It", "AWS::S3::Bucket", {})
    assert kept(bucket, "any/", deleted=False, forever=365) == Kept(standard=365)
    assert kept(bucket, "any/", deleted=True, forever=365) == Kept(standard=1)


def test_a_line_names_the_page_with_its_price() -> None:
    (line,) = [line for line in bill("AWS::KMS::Key").lines if line.what == "key"]
    assert line.source == "https://aws.amazon.com/kms/pricing/"
