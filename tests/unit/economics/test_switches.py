"""What switches save, worked out by hand on templates of one resource."""

from typing import Any

import pytest

from visionml.contracts import settings
from visionml.contracts.settings import Settings
from visionml.economics.switches import Case, Saving, savings


def chosen(**overrides: Any) -> Settings:
    return settings.changed(settings.load("prod"), {"batch.schedule_hours": 0, **overrides})


def switch(name: str, kind: str, properties: Any, case: Settings, **assume: float) -> Saving:
    template = {"Resources": {"It": {"Type": kind, "Properties": properties}}}
    found = savings(Case(case, {"Stack": template}, assume=assume))
    return next(each for each in found if each.switch == name)


ENDPOINT: tuple[str, Any] = ("AWS::SageMaker::Endpoint", {})


def test_several_models_on_one_endpoint_save_the_others_instances() -> None:
    found = switch(
        "multi-model-endpoint", *ENDPOINT, chosen(), hosted_models=4, request_kilobytes=0
    )
    assert found.saves_usd == pytest.approx(3 * 2 * 730 * 0.115)


def test_a_serverless_endpoint_costs_the_seconds_of_its_predictions() -> None:
    found = switch(
        "serverless-endpoint",
        *ENDPOINT,
        chosen(predictions_per_day=1200),
        cache_hit_rate=0,
        prediction_seconds=0.1,
        serverless_gigabytes=2,
        request_kilobytes=0,
    )
    assert found.saves_usd == pytest.approx(2 * 730 * 0.115 - 36_500 * 0.1 * 2 * 0.00002)


def test_a_serverless_endpoint_costs_more_when_it_never_rests() -> None:
    busy = chosen(predictions_per_day=50_000_000, **{"serving.invocations_per_instance": 20_000})
    assert switch("serverless-endpoint", *ENDPOINT, busy).saves_usd < 0


def test_graviton_saves_a_fifth_of_an_endpoint() -> None:
    found = switch("graviton-endpoint", *ENDPOINT, chosen(), deployments=0)
    assert found.saves_usd == pytest.approx(2 * 730 * (0.115 - 0.0924))


def test_a_night_with_one_instance_saves_the_others() -> None:
    day = settings.load("staging")  # two instances at least, and no night
    found = switch("night-scaling", *ENDPOINT, settings.changed(day, {"batch.schedule_hours": 0}))
    assert not found.on
    assert found.saves_usd == pytest.approx(8 * 365 / 12 * 0.115)


def test_cheaper_classes_save_what_standard_would_cost_more() -> None:
    rule = {
        "ExpirationInDays": 130,
        "Prefix": "others/",
        "Transitions": [{"StorageClass": "GLACIER_IR", "TransitionInDays": 30}],
    }
    bucket = {
        "BucketName": "ml-pipeline-images-prod-us-east-1-123456789012",
        "LifecycleConfiguration": {"Rules": [rule]},
    }
    found = switch(
        "s3-tiers", "AWS::S3::Bucket", bucket, chosen(images_per_day=1000), image_megabytes=2
    )
    assert found.on
    moved = 1000 * 365 / 12 * 20e-6
    assert found.saves_usd == pytest.approx(2 * 100 * (0.023 - 0.004) - moved)


def test_streams_on_demand_cost_more_than_idle_shards() -> None:
    stream = {"Name": "ml-pipeline-events-prod-us-east-1", "ShardCount": 2}
    case = chosen(predictions_per_day=1)
    found = switch("on-demand-streams", "AWS::Kinesis::Stream", stream, case)
    assert not found.on
    assert found.saves_usd == pytest.approx(2 * 730 * 0.015 - 730 * 0.04, abs=0.01)


def test_a_cache_pays_only_when_it_answers_enough() -> None:
    stage = {"CacheClusterEnabled": True, "CacheClusterSize": "0.5"}
    found = switch("api-cache", "AWS::ApiGateway::Stage", stage, chosen())
    assert found.on
    assert found.saves_usd == pytest.approx(-730 * 0.02)


def test_functions_on_graviton_save_a_fifth_of_their_duration() -> None:
    function = {
        "FunctionName": "serverlessapp-file-manager-prod-us-east-1",
        "Architectures": ["arm64"],
        "MemorySize": 1024,
        "Code": {},
    }
    case = chosen(images_per_day=12_000)
    found = switch("graviton-functions", "AWS::Lambda::Function", function, case)
    assert found.on
    assert found.saves_usd == pytest.approx(365_000 * 0.125 * (0.0000166667 - 0.0000133334))


def test_spot_training_saves_its_discount() -> None:
    machine = {"DefinitionString": '{"Resource": "arn:aws:states:::sagemaker:createTrainingJob"}'}
    found = switch(
        "spot-training",
        "AWS::StepFunctions::StateMachine",
        machine,
        chosen(),
        runs_by_hand=10,
        training_hours=1,
        spot_discount=0.6,
    )
    assert not found.on
    assert found.saves_usd == pytest.approx(10 * 0.23 * 0.6)
