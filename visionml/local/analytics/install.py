"""Adds to MiniStack what its Athena, Glue and Firehose lack."""

from visionml.local import ministack
from visionml.local.analytics.athena import Executions
from visionml.local.analytics.crawler import Crawlers
from visionml.local.analytics.firehose import Deliveries
from visionml.local.ministack import Properties, Provisioned


def install() -> None:
    """Run queries, crawls and deliveries from now on."""
    executions = Executions()
    ministack.wrap_service("athena", executions.wrap)
    ministack.name_workgroups_of_queries(executions.workgroup_of)
    ministack.wrap_service("glue", Crawlers().wrap)
    ministack.deliver_records_with(Deliveries().take)
    ministack.register_resource_type(
        "AWS::Athena::NamedQuery",
        create=lambda _logical_id, properties, _stack: _named_query(properties),
        update=_again,
        delete=lambda query_id, _properties: ministack.delete_named_query(query_id),
        replaced_by=("Database", "Description", "Name", "QueryString", "WorkGroup"),
        tags=None,
    )


def _named_query(properties: Properties) -> Provisioned:
    made = ministack.create_named_query(properties)
    return Provisioned(made, {"NamedQueryId": made})


def _again(query_id: str, _old: Properties, _new: Properties, _stack: str) -> Provisioned:
    return Provisioned(query_id, {"NamedQueryId": query_id})
