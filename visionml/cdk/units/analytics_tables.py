"""The analytics database and its tables, by the contract's schemas, with projected partitions."""

from aws_cdk import Stack
from aws_cdk.aws_glue import CfnDatabase, CfnTable
from constructs import Construct

from visionml.contracts.names import Names
from visionml.contracts.settings import Settings
from visionml.contracts.tables import PARTITION, SEEN_DAYS_AHEAD, TABLES, TableSchema

_HIVE = "org.apache.hadoop.hive.ql.io"
_CLASSES = {
    "parquet": (
        f"{_HIVE}.parquet.MapredParquetInputFormat",
        f"{_HIVE}.parquet.MapredParquetOutputFormat",
        f"{_HIVE}.parquet.serde.ParquetHiveSerDe",
    ),
    "json": (
        "org.apache.hadoop.mapred.TextInputFormat",
        f"{_HIVE}.HiveIgnoreKeyTextOutputFormat",
        "org.openx.data.jsonserde.JsonSerDe",
    ),
}


class AnalyticsTables(Construct):
    """``database`` and, by name, ``tables``; data in them is S3's, so they go with the stack."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        settings: Settings,
        names: Names,
        bucket: str,
    ) -> None:
        super().__init__(scope, id)
        self._settings, self._bucket = settings, bucket
        self.database_name = names.analytics_database
        self.database = CfnDatabase(
            self,
            "Database",
            catalog_id=Stack.of(self).account,
            database_input=CfnDatabase.DatabaseInputProperty(
                name=self.database_name,
                description="Answers, truths, batch predictions, images and drift, by day.",
            ),
        )
        self.tables = {schema.name: self._table(schema) for schema in TABLES}

    def _table(self, schema: TableSchema) -> CfnTable:
        location = f"s3://{self._bucket}/{schema.prefix}"
        source, target, library = _CLASSES[schema.form]
        days = self._settings.retention.results_days
        table = CfnTable(
            self,
            "".join(word.capitalize() for word in schema.name.split("_")),
            catalog_id=Stack.of(self).account,
            database_name=self.database_name,
            table_input=CfnTable.TableInputProperty(
                name=schema.name,
                description=schema.title,
                table_type="EXTERNAL_TABLE",
                partition_keys=[CfnTable.ColumnProperty(name=PARTITION, type="string")],
                parameters={
                    "EXTERNAL": "TRUE",
                    "classification": schema.form,
                    "projection.enabled": "true",
                    f"projection.{PARTITION}.type": "date",
                    f"projection.{PARTITION}.format": "yyyy-MM-dd",
                    f"projection.{PARTITION}.range": f"NOW-{days}DAYS,NOW+{SEEN_DAYS_AHEAD}DAYS",
                    f"projection.{PARTITION}.interval": "1",
                    f"projection.{PARTITION}.interval.unit": "DAYS",
                    "storage.location.template": f"{location}{PARTITION}=${{{PARTITION}}}/",
                },
                storage_descriptor=CfnTable.StorageDescriptorProperty(
                    location=location,
                    input_format=source,
                    output_format=target,
                    serde_info=CfnTable.SerdeInfoProperty(
                        serialization_library=library,
                        parameters={"serialization.format": "1"},
                    ),
                    columns=[
                        CfnTable.ColumnProperty(name=name, type=kind, comment=about)
                        for name, kind, about in schema.columns
                    ],
                ),
            ),
        )
        table.node.add_dependency(self.database)
        return table
