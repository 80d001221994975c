"""Firehose: events of answers from their stream to the results bucket, as Parquet by day."""

from aws_cdk.aws_iam import Role, ServicePrincipal
from aws_cdk.aws_kinesisfirehose import CfnDeliveryStream
from aws_cdk.aws_kms import IKey
from aws_cdk.aws_logs import LogStream
from constructs import Construct

from visionml.cdk.findings import acknowledge
from visionml.cdk.units.analytics_tables import AnalyticsTables
from visionml.cdk.units.buckets import Buckets
from visionml.cdk.units.log_group import log_group
from visionml.cdk.units.permissions import allow, arn
from visionml.cdk.units.streams import Streams
from visionml.contracts.layout import EVENT_ERRORS
from visionml.contracts.names import Names
from visionml.contracts.settings import Settings
from visionml.contracts.tables import INFERENCE_EVENTS, PARTITION

_LOG_STREAM = "delivery"
_DAY = "!{timestamp:yyyy-MM-dd}"
_KIND = "!{firehose:error-output-type}"


class AnalyticsDelivery(Construct):
    """The delivery stream, its role and its log."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        settings: Settings,
        names: Names,
        buckets: Buckets,
        streams: Streams,
        tables: AnalyticsTables,
        logs_key: IKey,
    ) -> None:
        super().__init__(scope, id)
        self._settings, self._names, self._tables = settings, names, tables
        group = log_group(
            self,
            "Log",
            name=f"/aws/kinesisfirehose/{names.delivery_stream}",
            key=logs_key,
            settings=settings,
        )
        stream = LogStream(self, "LogStream", log_group=group, log_stream_name=_LOG_STREAM)
        self.role = Role(
            self,
            "Role",
            assumed_by=ServicePrincipal("firehose.amazonaws.com"),
            description="Delivers events of answers to S3.",
        )
        self._let(buckets, streams)
        self.stream = self._stream(buckets.name("results"))
        self.stream.node.add_dependency(self.role, stream, tables)
        acknowledge(
            self.stream,
            {"AwsSolutions-KDF1": "The stream that it reads from encrypts what is under way."},
        )

    def _let(self, buckets: Buckets, streams: Streams) -> None:
        role, names = self.role, self._names
        streams.let_read(role, names.events_stream)
        for prefix in (INFERENCE_EVENTS.prefix, EVENT_ERRORS):
            buckets.let_add(role, "results", prefix=prefix)
        table = f"{names.analytics_database}/{INFERENCE_EVENTS.name}"
        allow(
            role,
            ["glue:GetTable", "glue:GetTableVersion", "glue:GetTableVersions"],
            [
                arn(role, "glue", "catalog"),
                arn(role, "glue", f"database/{names.analytics_database}"),
                arn(role, "glue", f"table/{table}"),
            ],
        )
        log = f"log-group:/aws/kinesisfirehose/{names.delivery_stream}:log-stream:{_LOG_STREAM}"
        allow(role, ["logs:PutLogEvents"], [arn(role, "logs", log)])

    def _stream(self, bucket: str) -> CfnDeliveryStream:
        role, settings = self.role, self._settings.analytics
        destination = CfnDeliveryStream.ExtendedS3DestinationConfigurationProperty(
            bucket_arn=f"arn:{role.stack.partition}:s3:::{bucket}",
            role_arn=role.role_arn,
            prefix=f"{INFERENCE_EVENTS.prefix}{PARTITION}={_DAY}/",
            error_output_prefix=f"{EVENT_ERRORS}{_KIND}/{PARTITION}={_DAY}/",
            buffering_hints=CfnDeliveryStream.BufferingHintsProperty(
                interval_in_seconds=settings.buffer_seconds,
                size_in_m_bs=settings.buffer_megabytes,
            ),
            # Parquet compresses itself; the bucket encrypts with the records' key
            compression_format="UNCOMPRESSED",
            cloud_watch_logging_options=CfnDeliveryStream.CloudWatchLoggingOptionsProperty(
                enabled=True,
                log_group_name=f"/aws/kinesisfirehose/{self._names.delivery_stream}",
                log_stream_name=_LOG_STREAM,
            ),
            data_format_conversion_configuration=self._conversion(),
        )
        return CfnDeliveryStream(
            self,
            "Stream",
            delivery_stream_name=self._names.delivery_stream,
            delivery_stream_type="KinesisStreamAsSource",
            kinesis_stream_source_configuration=(
                CfnDeliveryStream.KinesisStreamSourceConfigurationProperty(
                    kinesis_stream_arn=arn(role, "kinesis", f"stream/{self._names.events_stream}"),
                    role_arn=role.role_arn,
                )
            ),
            extended_s3_destination_configuration=destination,
        )

    def _conversion(self) -> CfnDeliveryStream.DataFormatConversionConfigurationProperty:
        made = CfnDeliveryStream
        return made.DataFormatConversionConfigurationProperty(
            enabled=True,
            schema_configuration=made.SchemaConfigurationProperty(
                catalog_id=self.role.stack.account,
                region=self.role.stack.region,
                database_name=self._tables.database_name,
                table_name=INFERENCE_EVENTS.name,
                role_arn=self.role.role_arn,
                version_id="LATEST",
            ),
            input_format_configuration=made.InputFormatConfigurationProperty(
                deserializer=made.DeserializerProperty(
                    open_x_json_ser_de=made.OpenXJsonSerDeProperty(case_insensitive=True)
                )
            ),
            output_format_configuration=made.OutputFormatConfigurationProperty(
                serializer=made.SerializerProperty(
                    parquet_ser_de=made.ParquetSerDeProperty(compression="SNAPPY")
                )
            ),
        )
