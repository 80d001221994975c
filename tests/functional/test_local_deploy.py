"""Deploying cloud assemblies: create, change, leave alone, fail, recover, remove."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from visionml.aws.session import Aws
from visionml.errors import JobFailed, NotFound
from visionml.local import deploy
from visionml.local.bootstrap import ASSET_BUCKET, ASSET_REPOSITORY
from visionml.local.deploy import Event
from visionml.local.state import FOLDER, Project, State

Template = dict[str, Any]
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a cloud assembly of stacks by name, each depending on the one before."""
    folder = tmp_path / "cdk.out"

    def written(stacks: dict[str, Template], *, image: str = "") -> Path:
        folder.mkdir(exist_ok=True)
        artifacts: dict[str, Any] = {}
        before: list[str] = []
        for name, template in stacks.items():
            text = json.dumps(template)
            key = f"{abs(hash(text))}.json"
            (folder / f"{name}.template.json").write_text(text, encoding="utf-8")
            files = {
                key: {
                    "source": {"path": f"{name}.template.json", "packaging": "file"},
                    "destinations": {"here": {"bucketName": ASSET_BUCKET, "objectKey": key}},
                }
            }
            (folder / f"{name}.assets.json").write_text(
                json.dumps({"files": files, "dockerImages": _image(folder, image)}),
                encoding="utf-8",
            )
            artifacts[f"{name}.assets"] = {
                "type": "cdk:asset-manifest",
                "properties": {"file": f"{name}.assets.json"},
            }
            artifacts[name] = {
                "type": "aws:cloudformation:stack",
                "dependencies": before,
                "properties": {
                    "stackName": name,
                    "templateFile": f"{name}.template.json",
                    "stackTemplateAssetObjectUrl": f"s3://{ASSET_BUCKET}/{key}",
                    "tags": {"Project": "visionml"},
                },
            }
            before = [name]
        (folder / "manifest.json").write_text(
            json.dumps({"artifacts": artifacts}), encoding="utf-8"
        )
        return folder

    return written


def _image(folder: Path, tag: str) -> dict[str, Any]:
    if not tag:
        return {}
    context = folder / "context"
    context.mkdir()
    (context / "run").write_text("#!/usr/bin/env python3\n", encoding="utf-8")
    (context / "Dockerfile").write_text(
        "FROM python\nWORKDIR /opt/it\nCOPY . /opt/it\nENV PATH=/opt/it:$PATH\n", encoding="utf-8"
    )
    return {
        tag: {
            "source": {"directory": "context", "dockerFile": "Dockerfile"},
            "destinations": {"here": {"repositoryName": ASSET_REPOSITORY, "imageTag": tag}},
        }
    }


def _topic(name: str, **more: Any) -> Template:
    return {
        "Resources": {
            "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": name}},
            **more,
        },
        "Outputs": {"TopicArn": {"Value": {"Ref": "Topic"}}},
    }


@pytest.fixture
def run(aws_local: State, local_project: Project) -> Callable[..., Any]:
    def deployed(folder: Path, events: list[Event] | None = None) -> deploy.Outcome:
        listener = (lambda _event: None) if events is None else events.append
        return deploy.deploy(folder, project=local_project, on_event=listener)

    return deployed


def test_stacks_are_created_then_left_alone_then_changed(
    aws: Aws, write: Write, run: Callable[..., Any]
) -> None:
    first = {"deploy-a": _topic("deploy-a-topic"), "deploy-b": _topic("deploy-b-topic")}
    events: list[Event] = []
    outcome = run(write(first), events)
    assert outcome.changed == ("deploy-a", "deploy-b")
    assert outcome.published == 2
    assert outcome.outputs["deploy-b"]["TopicArn"].endswith(":deploy-b-topic")
    completed = [e for e in events if e.status == "CREATE_COMPLETE"]
    assert [(e.stack, e.logical_id, e.done, e.total) for e in completed] == [
        ("deploy-a", "Topic", 1, 1),
        ("deploy-b", "Topic", 1, 1),
    ]
    again = run(write(first))
    assert (again.changed, again.published) == ((), 0)
    assert again.outputs == outcome.outputs

    first["deploy-b"]["Resources"]["Topic"]["Properties"]["DisplayName"] = "changed"
    assert run(write(first)).changed == ("deploy-b",)
    shown = aws.sns.get_topic_attributes(TopicArn=outcome.outputs["deploy-b"]["TopicArn"])
    assert shown["Attributes"]["DisplayName"] == "changed"


def test_a_new_output_is_there_for_the_stacks_that_import_it(
    write: Write, run: Callable[..., Any]
) -> None:
    first = {"deploy-exports": _topic("deploy-exports-topic")}
    run(write(first))
    exported = {"Value": {"Ref": "Topic"}, "Export": {"Name": "deploy-exports-arn"}}
    first["deploy-exports"]["Outputs"]["More"] = exported
    importing = _topic("deploy-imports-topic")
    importing["Outputs"]["Its"] = {"Value": {"Fn::ImportValue": "deploy-exports-arn"}}
    outcome = run(write({**first, "deploy-imports": importing}))
    assert outcome.changed == ("deploy-exports", "deploy-imports")
    assert outcome.outputs["deploy-imports"]["Its"].endswith(":deploy-exports-topic")


def test_a_failed_stack_names_its_resource_and_can_be_deployed_again(
    aws: Aws, write: Write, run: Callable[..., Any]
) -> None:
    broken = {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "ComparisonOperator": "GreaterThanThreshold",
            "EvaluationPeriods": 1,
            "Threshold": 1,
            "Metrics": [{"Id": "e", "Expression": "no_such_metric * 2"}],
        },
    }
    folder = write({"deploy-broken": _topic("deploy-broken-topic", Broken=broken)})
    with pytest.raises(JobFailed, match=r"Broken \(AWS::CloudWatch::Alarm\).*no_such_metric"):
        run(folder)
    status = aws.cloudformation.describe_stacks(StackName="deploy-broken")["Stacks"][0]
    assert status["StackStatus"] == "ROLLBACK_COMPLETE"

    outcome = run(write({"deploy-broken": _topic("deploy-broken-topic")}))
    assert outcome.changed == ("deploy-broken",)


def test_a_failed_update_leaves_the_stack_as_it_was(
    aws: Aws, write: Write, run: Callable[..., Any]
) -> None:
    good = run(write({"deploy-update": _topic("deploy-update-topic")}))
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": ASSET_BUCKET}}
    with pytest.raises(JobFailed, match=r"UPDATE_ROLLBACK_COMPLETE.*Taken"):
        run(write({"deploy-update": _topic("deploy-update-topic", Taken=bucket)}))
    assert run(write({"deploy-update": _topic("deploy-update-topic")})).outputs == good.outputs
    assert aws.s3.head_bucket(Bucket=ASSET_BUCKET)


def test_an_unknown_type_is_refused_before_anything_is_made(
    write: Write, run: Callable[..., Any]
) -> None:
    unknown = {"Type": "AWS::NoSuch::Thing", "Properties": {}}
    with pytest.raises(Exception, match="AWS::NoSuch::Thing"):
        run(write({"deploy-unknown": _topic("deploy-unknown-topic", Odd=unknown)}))


def test_what_is_only_recorded_is_said(write: Write, run: Callable[..., Any]) -> None:
    vpc = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.9.0.0/16"}}
    acl = {"Type": "AWS::EC2::NetworkAcl", "Properties": {"VpcId": {"Ref": "Vpc"}}}
    template = _topic("deploy-recorded-topic", Vpc=vpc, Acl=acl)
    template["Outputs"] |= {
        "Cidr": {"Value": {"Fn::GetAtt": ["Vpc", "CidrBlock"]}},
        "Acl": {"Value": {"Fn::GetAtt": ["Acl", "Id"]}},
    }
    outcome = run(write({"deploy-recorded": template}))
    assert outcome.recorded == {"AWS::EC2::NetworkAcl": "Network packets are not filtered."}
    assert outcome.outputs["deploy-recorded"]["Cidr"] == "10.9.0.0/16"
    assert outcome.outputs["deploy-recorded"]["Acl"].startswith("acl-0")


def test_an_image_is_published_once_and_described_by_the_registry(
    aws: Aws, local_project: Project, write: Write, run: Callable[..., Any]
) -> None:
    folder = write({"deploy-image": _topic("deploy-image-topic")}, image="deploy-image-tag")
    assert run(folder).published == 2
    found = aws.client("ecr").describe_images(
        repositoryName=ASSET_REPOSITORY, imageIds=[{"imageTag": "deploy-image-tag"}]
    )["imageDetails"][0]
    assert found["imageTags"] == ["deploy-image-tag"]
    assert [path.name for path in local_project.images.glob("*/opt/it/run")] == ["run"]
    assert run(folder).published == 0


def test_destroy_removes_the_last_first_and_empties_buckets(
    aws: Aws, local_project: Project, write: Write, run: Callable[..., Any]
) -> None:
    bucket = {
        "Type": "AWS::S3::Bucket",
        "Properties": {
            "BucketName": "deploy-destroyed-bucket",
            "VersioningConfiguration": {"Status": "Enabled"},
        },
    }
    folder = write(
        {
            "deploy-gone-1": _topic("deploy-gone-1-topic", Bucket=bucket),
            "deploy-gone-2": _topic("deploy-gone-2-topic"),
        }
    )
    run(folder)
    for body in (b"1", b"2"):
        aws.s3.put_object(Bucket="deploy-destroyed-bucket", Key="object", Body=body)
    outcome = deploy.destroy(folder, project=local_project, on_event=lambda _event: None)
    assert outcome.changed == ("deploy-gone-2", "deploy-gone-1")
    names = [each["Name"] for each in aws.s3.list_buckets()["Buckets"]]
    assert "deploy-destroyed-bucket" not in names
    again = deploy.destroy(folder, project=local_project, on_event=lambda _event: None)
    assert again.changed == ()


def test_a_bucket_that_is_not_empty_holds_up_its_stack(
    aws: Aws, write: Write, run: Callable[..., Any]
) -> None:
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "deploy-held-bucket"}}
    run(write({"deploy-held": _topic("deploy-held-topic", Bucket=bucket)}))
    aws.s3.put_object(Bucket="deploy-held-bucket", Key="object", Body=b"1")
    with pytest.raises(JobFailed, match=r"Bucket .*not empty"):
        deploy._deleted(aws, "deploy-held", lambda _event: None)
    aws.s3.delete_object(Bucket="deploy-held-bucket", Key="object")
    assert deploy._deleted(aws, "deploy-held", lambda _event: None) is True


def test_nothing_is_deployed_where_nothing_runs(tmp_path: Path, write: Write) -> None:
    folder = write({"deploy-none": _topic("deploy-none-topic")})
    with pytest.raises(NotFound, match="visionml local up"):
        deploy.deploy(folder, project=Project(tmp_path / FOLDER), on_event=lambda _event: None)
