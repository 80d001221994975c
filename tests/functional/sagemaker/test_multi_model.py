"""Endpoints of several models: fetched and loaded when a request names one, unloaded for others."""

import io
import tarfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.functional.sagemaker.test_endpoints import metric
from tests.functional.sagemaker.world import BUCKET, IMAGE, World, allow, until


def archive(word: str) -> bytes:
    """Return an artefact that holds a word."""
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as tar:
        entry = tarfile.TarInfo("word")
        entry.size = len(word)
        tar.addfile(entry, io.BytesIO(word.encode()))
    return body.getvalue()


@pytest.fixture(scope="module")
def prefix(world: World) -> str:
    """Artefacts under a prefix, each with its own name in it; one is bad and one no archive."""
    prefix = world.name("models")
    for word in ("a", "b", "c", "bad"):
        world.aws.s3.put_object(Bucket=BUCKET, Key=f"{prefix}/of/{word}.tar.gz", Body=archive(word))
    world.put(prefix, {"of/text.tar.gz": "text"})
    return f"s3://{BUCKET}/{prefix}"


def create(world: World, url: str, *, role: str = "", **changes: Any) -> str:
    name = world.name("several")
    container: Any = {"Image": IMAGE, "Mode": "MultiModel", **changes}
    if url:
        container["ModelDataUrl"] = url
    world.aws.sagemaker.create_model(
        ModelName=name, ExecutionRoleArn=role or world.role, PrimaryContainer=container
    )
    return name


def serving(world: World, prefix: str, *, count: int = 1, cached: bool = True, **env: str) -> str:
    setting = "Enabled" if cached else "Disabled"
    caching = {"ModelCacheSetting": setting}
    model = create(world, prefix, Environment=env, MultiModelConfig=caching)
    return world.endpoint(world.config(model, count=count))


def ask(world: World, endpoint: str, word: str, body: bytes = b"x") -> str:
    return world.ask(endpoint, body, TargetModel=f"of/{word}.tar.gz")


def log(world: World, endpoint: str) -> list[str]:
    """Return what the containers say of models that they load and unload."""
    group = f"/aws/sagemaker/Endpoints/{endpoint}"
    streams = world.aws.logs.describe_log_streams(logGroupName=group)["logStreams"]
    return [
        event["message"]
        for stream in streams
        for event in world.aws.logs.get_log_events(
            logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
        )["events"]
        if event["message"].startswith(("loaded ", "unloaded "))
    ]


def test_a_model_is_loaded_when_it_is_asked_for_and_the_least_used_one_makes_room(
    world: World, prefix: str
) -> None:
    endpoint = serving(world, prefix, CAPACITY="2")
    for words in ("ab", "acb"):
        for word in words:
            assert ask(world, endpoint, word).startswith(f"{word} of ")
    assert ask(world, endpoint, "b") == "b of 2 for of/b.tar.gz"
    until(
        lambda: {"log": log(world, endpoint)},
        lambda seen: (
            seen["log"]
            == ["loaded a", "loaded b", "unloaded b", "loaded c", "unloaded a", "loaded b"]
        ),
    )
    until(
        lambda: {"hits": metric(world, endpoint, "ModelCacheHit", "Sum")},
        lambda seen: seen["hits"] == 2,
    )
    assert metric(world, endpoint, "ModelCacheHit", "SampleCount") == 6
    for times in ("ModelDownloadingTime", "ModelLoadingTime", "ModelLoadingWaitTime"):
        assert metric(world, endpoint, times, "Maximum") > 0
    assert metric(world, endpoint, "Invocations", "Sum") == 6


def test_a_model_in_use_is_not_unloaded_and_many_callers_load_it_once(
    world: World, prefix: str
) -> None:
    endpoint = serving(world, prefix, CAPACITY="1")
    with ThreadPoolExecutor(4) as pool:
        slow = [pool.submit(ask, world, endpoint, "a", b"slow") for _ in range(3)]
        other = pool.submit(ask, world, endpoint, "b")
        assert {each.result() for each in slow} == {"a of 1 for of/a.tar.gz"}
        assert other.result() == "b of 1 for of/b.tar.gz"
    until(
        lambda: {"log": log(world, endpoint)},
        # which of both came first is chance; no model was loaded twice at a time
        lambda seen: len(seen["log"]) in {3, 5} and seen["log"][0].startswith("loaded"),
    )


def test_models_spread_over_instances_and_leave_them_without_caching(
    world: World, prefix: str
) -> None:
    endpoint = serving(world, prefix, count=2, CAPACITY="1")
    for word in "abab":
        assert ask(world, endpoint, word).startswith(f"{word} of 1")
    until(
        lambda: {"log": log(world, endpoint)},
        lambda seen: sorted(seen["log"]) == ["loaded a", "loaded b"],
    )
    leaving = serving(world, prefix, cached=False)
    assert ask(world, leaving, "a").startswith("a of 1")
    until(
        lambda: {"log": log(world, leaving)},
        lambda seen: seen["log"] == ["loaded a", "unloaded a"],
    )


def test_what_cannot_be_loaded_is_refused_with_the_reason(world: World, prefix: str) -> None:
    endpoint = serving(world, prefix)
    for word in ("none", "text"):
        with pytest.raises(ClientError, match=r"\(ValidationError\).*Failed to download model"):
            ask(world, endpoint, word)
    with pytest.raises(ClientError, match=r"\(ModelError\).*\(400\).*no model for me"):
        ask(world, endpoint, "bad")
    with pytest.raises(ClientError, match=r"\(ValidationError\).*missing a target model header"):
        world.ask(endpoint)
    single = world.endpoint(world.config(world.model()))
    with pytest.raises(ClientError, match="is not a multi-model endpoint"):
        ask(world, single, "a")


def test_a_container_that_loads_no_models_does_not_come_into_service(
    world: World, prefix: str
) -> None:
    endpoint = serving(world, prefix, UNAWARE="1")
    described = world.settled(endpoint)
    assert described["EndpointStatus"] == "Failed"
    assert "did not pass the ping health check" in described["FailureReason"]


def test_a_model_of_several_needs_a_prefix_that_the_role_may_list(
    world: World, prefix: str
) -> None:
    with pytest.raises(ClientError, match="must have a ModelDataUrl, a prefix"):
        create(world, "")
    with pytest.raises(ClientError, match="Could not find model data at"):
        create(world, f"s3://{BUCKET}/no-such-prefix/")
    poor = allow(world.aws, world.name("poor"), ("ecr:*", "*"), service="sagemaker.amazonaws.com")
    with pytest.raises(ClientError, match=r'Could not access model data .*"s3:ListBucket"'):
        create(world, prefix, role=poor)
    several, single = create(world, prefix), world.model()
    with pytest.raises(ClientError, match="cannot have ShadowProductionVariants"):
        world.config(several, shadow=single)
