"""Registers the CloudFormation types that MiniStack lacks and that need no service of their own."""

from visionml.local import composite_alarms, ministack
from visionml.local.ministack import Properties, Provisioned
from visionml.local.recorded import RECORDED, Place, Recorded


def install() -> None:
    """Let stacks hold the recorded types, and mend what MiniStack's own lack."""
    ministack.keep_full_buckets()
    ministack.keep_bucket_settings()
    ministack.keep_table_settings()
    ministack.keep_role_boundaries()
    ministack.make_secrets_as_aws()
    ministack.create_request_validators()
    composite_alarms.install()
    for type_name, recorded in RECORDED.items():
        _register(type_name, recorded)
    ministack.add_attributes(
        "AWS::EC2::VPC",
        lambda properties: {
            "CidrBlock": properties.get("CidrBlock", "10.0.0.0/16"),
            "CidrBlockAssociations": [],
            "Ipv6CidrBlocks": [],
        },
    )


def _register(type_name: str, recorded: Recorded) -> None:
    def provisioned(ref: str, name: str) -> Provisioned:
        place = Place(ministack.region(), ministack.account(), name)
        return Provisioned(
            ref, {key: make(ref, place) for key, make in recorded.attributes.items()}
        )

    def create(logical_id: str, properties: Properties, stack_name: str) -> Provisioned:
        name = ministack.physical_name(stack_name, logical_id)
        place = Place(ministack.region(), ministack.account(), name)
        return provisioned(recorded.ref(properties, place), name)

    def update(ref: str, _old: Properties, _new: Properties, _stack: str) -> Provisioned:
        return provisioned(ref, ref)

    def delete(_ref: str, _properties: Properties) -> None:
        return None

    ministack.register_resource_type(
        type_name,
        create=create,
        update=update,
        delete=delete,
        replaced_by=recorded.replaced_by,
        tags=None,
    )
