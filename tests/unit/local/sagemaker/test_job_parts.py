"""Pieces of jobs: metrics in logs, exit reasons, S3 paths, permissions."""

import errno
import os

import pytest

from visionml.local.sagemaker import jobs
from visionml.local.sagemaker.core import Scope
from visionml.local.sagemaker.faults import Fault
from visionml.local.sagemaker.jobs import (
    LastLines,
    command,
    exit_reason,
    hosts_of,
    resource_config,
)
from visionml.local.sagemaker.objects import Item, Location, relative, shard
from visionml.local.sagemaker.permissions import required
from visionml.local.sagemaker.progress import Progress, Value, expressions

SCOPE = Scope("000000000000", "us-east-1")


def test_the_last_value_of_each_metric_is_final() -> None:
    published: list[Value] = []
    definitions = [
        {"Name": "loss", "Regex": r"loss=([0-9.]+)"},
        {"Name": "accuracy", "Regex": r"accuracy=(\S+)"},
        {"Name": "never", "Regex": r"never=(\d+)"},
    ]
    progress = Progress(expressions(definitions), published.append)
    for line in ("epoch=1 loss=0.5 accuracy=0.7", "noise", "loss=0.25", "accuracy=high"):
        progress.read(line)
    final = {each["MetricName"]: each["Value"] for each in progress.final()}
    assert final == {"loss": 0.25, "accuracy": 0.7}
    assert [value.value for value in published] == [0.5, 0.7, 0.25]


def test_a_broken_expression_is_refused() -> None:
    with pytest.raises(Fault, match="Invalid regular expression for metric loss"):
        expressions([{"Name": "loss", "Regex": "loss=("}])


def test_exit_reasons_are_sagemakers() -> None:
    assert exit_reason(1, "no data", data="training") == "AlgorithmError: no data, exit code: 1"
    assert exit_reason(2, "", data="job") == (
        "AlgorithmError: See job logs for more information, exit code: 2"
    )
    assert "instance type with more memory" in exit_reason(137, "", data="training")
    assert len(exit_reason(1, "x" * 2000, data="training")) <= 1024


def test_a_full_disk_of_this_computer_is_told_as_one_of_the_instance() -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/somewhere")
    assert jobs._disk_reason(full) == (
        "ClientError: No space left on device. Please use a larger VolumeSizeInGB, or free space "
        "on the disk that holds /somewhere."
    )
    lines = LastLines()
    assert lines.message() == ""
    lines.read("OSError: [Errno 28] No space left on device: 'x'")
    for _ in range(50):
        lines.read("noise")
    assert "larger VolumeSizeInGB" in lines.message()


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, ["start", "train"]),
        ({"ContainerArguments": ["--fast"]}, ["start", "--fast"]),
        ({"ContainerEntrypoint": ["mine"]}, ["mine"]),
        ({"ContainerEntrypoint": ["mine"], "ContainerArguments": ["x"]}, ["mine", "x"]),
    ],
)
def test_a_request_overrides_the_images_command(
    given: dict[str, list[str]], wanted: list[str]
) -> None:
    assert command(("start",), given, default=("train",)) == wanted


def test_every_host_knows_all_hosts() -> None:
    config = resource_config("algo-2", hosts_of(2), "ml.m5.large")
    assert config["current_host"] == "algo-2"
    assert config["hosts"] == ["algo-1", "algo-2"]


@pytest.mark.parametrize(
    ("key", "prefix", "path"),
    [
        ("data/a/1.png", "data/", "a/1.png"),
        ("data/a/1.png", "data", "a/1.png"),
        ("runs/model.tar.gz", "runs/model.tar.gz", "model.tar.gz"),
        ("data/part-1", "data/par", "part-1"),
        ("1.png", "", "1.png"),
    ],
)
def test_files_lie_where_sagemaker_puts_them(key: str, prefix: str, path: str) -> None:
    assert relative(key, prefix) == path


def test_shards_are_disjoint_and_complete() -> None:
    items = [Item(Location("b", f"{number}"), f"{number}") for number in range(10)]
    shards = [shard(items, host=host, hosts=3) for host in range(3)]
    assert sorted(item.path for each in shards for item in each) == [str(n) for n in range(10)]
    assert [len(each) for each in shards] == [4, 3, 3]


@pytest.mark.parametrize(
    ("operation", "request_", "wanted"),
    [
        ("DescribeModel", {"ModelName": "M"}, [("DescribeModel", "model/m")]),
        ("ListModels", {}, [("ListModels", "*")]),
        (
            "UpdateEndpoint",
            {"EndpointName": "e", "EndpointConfigName": "c"},
            [("UpdateEndpoint", "endpoint/e"), ("UpdateEndpoint", "endpoint-config/c")],
        ),
        (
            "CreateModel",
            {"ModelName": "m", "Tags": [{"Key": "a", "Value": "b"}]},
            [("CreateModel", "model/m"), ("AddTags", "model/m")],
        ),
        (
            "CreateModelPackage",
            {"ModelPackageGroupName": "arn:aws:sagemaker:r:1:model-package-group/g"},
            [("CreateModelPackage", "model-package/g/*")],
        ),
        (
            "StopProcessingJob",
            {"ProcessingJobName": "p"},
            [("StopProcessingJob", "processing-job/p")],
        ),
    ],
)
def test_iam_is_asked_for_the_resources_that_aws_asks_for(
    operation: str, request_: dict[str, object], wanted: list[tuple[str, str]]
) -> None:
    prefix = "arn:aws:sagemaker:us-east-1:000000000000:"
    assert list(required(operation, request_, SCOPE)) == [
        (f"sagemaker:{action}", arn if arn == "*" else prefix + arn) for action, arn in wanted
    ]
