"""Athena: the workgroup, within whose limits queries run, and the saved queries."""

from aws_cdk.aws_athena import CfnNamedQuery, CfnWorkGroup
from aws_cdk.aws_kms import IKey
from constructs import Construct

from visionml.cdk.units.analytics_tables import AnalyticsTables
from visionml.contracts.layout import QUERY_RESULTS
from visionml.contracts.names import Names
from visionml.contracts.queries import QUERIES
from visionml.contracts.settings import Settings


class AnalyticsWorkgroup(Construct):
    """Results are encrypted and go to one place, whatever a caller asks for."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        settings: Settings,
        names: Names,
        bucket: str,
        key: IKey,
        tables: AnalyticsTables,
    ) -> None:
        super().__init__(scope, id)
        self.group = CfnWorkGroup(
            self,
            "Group",
            name=names.analytics_workgroup,
            description="Queries on results, limited in what each may read.",
            state="ENABLED",
            recursive_delete_option=True,
            work_group_configuration=CfnWorkGroup.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                publish_cloud_watch_metrics_enabled=True,
                bytes_scanned_cutoff_per_query=settings.analytics.scanned_bytes_limit,
                result_configuration=CfnWorkGroup.ResultConfigurationProperty(
                    output_location=f"s3://{bucket}/{QUERY_RESULTS}",
                    encryption_configuration=CfnWorkGroup.EncryptionConfigurationProperty(
                        encryption_option="SSE_KMS", kms_key=key.key_arn
                    ),
                ),
            ),
        )
        for saved in QUERIES:
            query = CfnNamedQuery(
                self,
                "".join(word.capitalize() for word in saved.name.split("_")),
                name=saved.name,
                description=f"{saved.title}. {saved.about}",
                database=tables.database_name,
                query_string=saved.sql,
                work_group=names.analytics_workgroup,
            )
            query.node.add_dependency(self.group, tables.database)
