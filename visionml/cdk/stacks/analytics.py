"""Analytics: events of answers become Parquet, and everybody may ask, within limits."""

from constructs import Construct

from visionml.cdk.stacks.base import PlatformStack
from visionml.cdk.stacks.storage import StorageStack
from visionml.cdk.units.analytics_crawler import AnalyticsCrawler
from visionml.cdk.units.analytics_delivery import AnalyticsDelivery
from visionml.cdk.units.analytics_tables import AnalyticsTables
from visionml.cdk.units.analytics_workgroup import AnalyticsWorkgroup
from visionml.contracts.settings import Settings


class AnalyticsStack(PlatformStack):
    """Nothing of it holds data: that lies in storage."""

    def __init__(self, scope: Construct, *, settings: Settings, storage: StorageStack) -> None:
        super().__init__(
            scope, "analytics", settings=settings, description="Tables, queries and their delivery."
        )
        bucket = storage.buckets.name("results")
        self.tables = AnalyticsTables(
            self, "Tables", settings=settings, names=self.names, bucket=bucket
        )
        self.delivery = AnalyticsDelivery(
            self,
            "Delivery",
            settings=settings,
            names=self.names,
            buckets=storage.buckets,
            streams=storage.streams,
            tables=self.tables,
            logs_key=storage.keys.operations,
        )
        self.workgroup = AnalyticsWorkgroup(
            self,
            "Workgroup",
            settings=settings,
            names=self.names,
            bucket=bucket,
            key=storage.keys.records,
            tables=self.tables,
        )
        self.crawler = AnalyticsCrawler(
            self,
            "Crawler",
            names=self.names,
            buckets=storage.buckets,
            tables=self.tables,
            logs_key=storage.keys.operations,
        )
        self.add_stack_dependency(storage, "The delivery reads a stream that is declared there.")
        self.publish(
            {
                "DatabaseName": self.names.analytics_database,
                "WorkgroupName": self.names.analytics_workgroup,
                "DeliveryStreamName": self.names.delivery_stream,
                "CrawlerName": self.names.analytics_workgroup,
            }
        )
