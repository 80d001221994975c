import pytest

from tests.fakes.cloudformation import text
from tests.infra.conftest import Synthesised
from visionml.contracts.names import Names
from visionml.contracts.queries import QUERIES, SavedQuery
from visionml.contracts.tables import INFERENCE_EVENTS, TABLES


def test_every_table_of_the_contract_is_in_the_catalog(environment: Synthesised) -> None:
    found = {
        each["TableInput"]["Name"]: each["TableInput"]
        for each in environment.properties("AWS::Glue::Table")
    }

    assert set(found) == {schema.name for schema in TABLES}
    days = environment.settings.retention.results_days
    for schema in TABLES:
        table = found[schema.name]
        columns = table["StorageDescriptor"]["Columns"]
        assert [(c["Name"], c["Type"]) for c in columns] == [c[:2] for c in schema.columns]
        assert table["Parameters"]["projection.enabled"] == "true"
        assert table["Parameters"]["projection.date.range"] == f"NOW-{days}DAYS,NOW+1DAYS"
        template = text(table["Parameters"]["storage.location.template"])
        assert template.endswith(f"/{schema.prefix}date=${{date}}/")
        assert text(table["StorageDescriptor"]["Location"]).endswith(f"/{schema.prefix}")


def test_events_are_delivered_as_parquet_by_day(environment: Synthesised) -> None:
    (stream,) = environment.properties("AWS::KinesisFirehose::DeliveryStream")
    names, settings = Names.of(environment.settings), environment.settings.analytics
    to = stream["ExtendedS3DestinationConfiguration"]

    source = stream["KinesisStreamSourceConfiguration"]["KinesisStreamARN"]
    assert text(source).endswith(f":stream/{names.events_stream}")
    assert to["Prefix"] == "events/date=!{timestamp:yyyy-MM-dd}/"
    assert to["ErrorOutputPrefix"].startswith("events-errors/!{firehose:error-output-type}/")
    assert to["BufferingHints"] == {
        "IntervalInSeconds": settings.buffer_seconds,
        "SizeInMBs": settings.buffer_megabytes,
    }
    schema = to["DataFormatConversionConfiguration"]["SchemaConfiguration"]
    assert schema["DatabaseName"] == names.analytics_database
    assert schema["TableName"] == INFERENCE_EVENTS.name


def test_the_delivery_writes_events_and_errors_and_reads_no_object(local: Synthesised) -> None:
    policies = [
        policy["PolicyDocument"]["Statement"]
        for path, policy in (
            (path, each["Properties"])
            for path, each in local.resources("AWS::IAM::Policy", stack="Analytics").items()
        )
        if "Delivery" in path
    ]
    (statements,) = policies
    actions = {
        action
        for each in statements
        for action in ([each["Action"]] if isinstance(each["Action"], str) else each["Action"])
    }

    assert {action for action in actions if action.startswith("s3:")} == {"s3:PutObject"}
    (written,) = [each["Resource"] for each in statements if each["Action"] == "s3:PutObject"]
    assert sorted(text(each).rpartition(":")[2].partition("/")[2] for each in written) == [
        "events-errors/*",
        "events/*",
    ]


def test_queries_are_limited_and_their_results_encrypted(environment: Synthesised) -> None:
    (group,) = environment.properties("AWS::Athena::WorkGroup")
    configuration = group["WorkGroupConfiguration"]
    results = configuration["ResultConfiguration"]

    limit = environment.settings.analytics.scanned_bytes_limit
    assert configuration["BytesScannedCutoffPerQuery"] == limit
    assert configuration["EnforceWorkGroupConfiguration"] is True
    assert configuration["PublishCloudWatchMetricsEnabled"] is True
    assert results["EncryptionConfiguration"]["EncryptionOption"] == "SSE_KMS"
    assert text(results["OutputLocation"]).endswith("/queries/")


def test_results_of_queries_go_after_a_week(environment: Synthesised) -> None:
    bucket = environment.resources("AWS::S3::Bucket")["Storage/ResultsBucket"]["Properties"]
    rules = {rule.get("Prefix"): rule for rule in bucket["LifecycleConfiguration"]["Rules"]}

    assert rules["queries/"]["ExpirationInDays"] == 7


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_a_saved_query_is_a_named_query(local: Synthesised, query: SavedQuery) -> None:
    saved = {each["Name"]: each for each in local.properties("AWS::Athena::NamedQuery")}

    assert len(saved) == 10
    assert saved[query.name]["QueryString"] == query.sql
    assert query.sql.count("?") == len(query.parameters)


def test_the_crawler_looks_at_what_is_shared_alone(environment: Synthesised) -> None:
    (crawler,) = environment.properties("AWS::Glue::Crawler")

    (target,) = crawler["Targets"]["S3Targets"]
    assert text(target["Path"]).endswith("/shared/")
    assert crawler["TablePrefix"] == "shared_"
    assert "Schedule" not in crawler


def test_failed_and_late_deliveries_alarm(environment: Synthesised) -> None:
    names = Names.of(environment.settings)
    watched = {
        alarm["MetricName"]: alarm
        for alarm in environment.properties("AWS::CloudWatch::Alarm")
        if alarm.get("Namespace") == "AWS/Firehose"
    }

    assert set(watched) == {
        "DeliveryToS3.Success",
        "DeliveryToS3.DataFreshness",
        "FailedConversion.Records",
    }
    for alarm in watched.values():
        assert alarm["Dimensions"] == [
            {"Name": "DeliveryStreamName", "Value": names.delivery_stream}
        ]


def test_images_are_exported_every_day(environment: Synthesised) -> None:
    rules = environment.properties("AWS::Events::Rule", stack="Intake")
    (rule,) = [each for each in rules if "ImageExporter" in text(each["Targets"][0]["Arn"])]

    assert rule["ScheduleExpression"] == "cron(0 1 * * ? *)"
