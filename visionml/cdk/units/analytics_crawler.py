"""A crawler that makes tables of what people put below ``shared/`` of the results bucket."""

from aws_cdk.aws_glue import CfnCrawler, CfnSecurityConfiguration
from aws_cdk.aws_iam import Role, ServicePrincipal
from aws_cdk.aws_kms import IKey
from constructs import Construct

from visionml.cdk.units.analytics_tables import AnalyticsTables
from visionml.cdk.units.buckets import Buckets
from visionml.cdk.units.permissions import allow, arn
from visionml.contracts.layout import SHARED
from visionml.contracts.names import Names

_LOGS = "log-group:/aws-glue/crawlers*"


class AnalyticsCrawler(Construct):
    """It runs when it is asked to; the platform's own tables have their schemas by contract."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        names: Names,
        buckets: Buckets,
        tables: AnalyticsTables,
        logs_key: IKey,
    ) -> None:
        super().__init__(scope, id)
        self.role = Role(
            self,
            "Role",
            assumed_by=ServicePrincipal("glue.amazonaws.com"),
            description="Reads what people share, and writes tables of it.",
        )
        self._let(names, buckets, logs_key)
        security = CfnSecurityConfiguration(
            self,
            "Security",
            name=names.analytics_workgroup,
            encryption_configuration=CfnSecurityConfiguration.EncryptionConfigurationProperty(
                cloud_watch_encryption=CfnSecurityConfiguration.CloudWatchEncryptionProperty(
                    cloud_watch_encryption_mode="SSE-KMS", kms_key_arn=logs_key.key_arn
                ),
            ),
        )
        self.crawler = CfnCrawler(
            self,
            "Crawler",
            name=names.analytics_workgroup,
            description="Makes a table of each folder below shared/.",
            role=self.role.role_arn,
            database_name=tables.database_name,
            table_prefix="shared_",
            crawler_security_configuration=security.ref,
            targets=CfnCrawler.TargetsProperty(
                s3_targets=[
                    CfnCrawler.S3TargetProperty(path=f"s3://{buckets.name('results')}/{SHARED}")
                ]
            ),
            schema_change_policy=CfnCrawler.SchemaChangePolicyProperty(
                update_behavior="UPDATE_IN_DATABASE", delete_behavior="LOG"
            ),
        )
        self.crawler.node.add_dependency(self.role, tables.database)

    def _let(self, names: Names, buckets: Buckets, logs_key: IKey) -> None:
        role = self.role
        buckets.let_read(role, "results", prefix=SHARED)
        database = names.analytics_database
        allow(
            role,
            [
                "glue:BatchCreatePartition",
                "glue:BatchGetPartition",
                "glue:CreateTable",
                "glue:GetDatabase",
                "glue:GetPartitions",
                "glue:GetTable",
                "glue:GetTables",
                "glue:UpdatePartition",
                "glue:UpdateTable",
            ],
            [
                arn(role, "glue", "catalog"),
                arn(role, "glue", f"database/{database}"),
                arn(role, "glue", f"table/{database}/shared_*"),
            ],
            because="A table is named by the folder that somebody shares.",
        )
        allow(role, ["glue:GetSecurityConfiguration"], ["*"], because="It knows no resources.")
        allow(
            role,
            [
                "logs:AssociateKmsKey",
                "logs:CreateLogGroup",
                "logs:CreateLogStream",
                "logs:PutLogEvents",
            ],
            [arn(role, "logs", _LOGS), arn(role, "logs", f"{_LOGS}:*")],
            because="Glue names the crawlers' log group by their role and security configuration.",
        )
        allow(role, ["s3:GetBucketLocation"], [f"arn:{role.stack.partition}:s3:::"
                                              f"{buckets.name('results')}"])  # fmt: skip
        logs_key.grant(role, "kms:DescribeKey")
