"""The deployed platform that a session works with."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from visionml.aws import s3, secrets
from visionml.aws.parameters import Parameters
from visionml.aws.s3 import Objects
from visionml.aws.session import Aws
from visionml.aws.table import Table
from visionml.contracts.names import Names
from visionml.contracts.settings import Settings
from visionml.dataset.catalog import Catalog
from visionml.desks.image_records import ImageRecords
from visionml.intake.pseudonyms import Pseudonyms
from visionml.intake.records import KEYS
from visionml.registry.lineage import Lineage
from visionml.registry.versions import Versions

if TYPE_CHECKING:
    from mypy_boto3_apigateway import APIGatewayClient

Say = Callable[[str], None]
"""Takes one line of progress."""

Address = Callable[[str, str], str]
"""Takes a REST API's id and stage and returns the URL at which it answers."""


@dataclass(frozen=True)
class Platform:
    """One environment in one account: its settings, its names and the clients to reach it."""

    settings: Settings
    aws: Aws
    say: Say
    api_address: Address
    ca_bundle: str | None
    """The certificates to trust besides the machine's own."""

    @cached_property
    def names(self) -> Names:
        """The physical names of everything in the environment."""
        return Names.of(self.settings)

    @cached_property
    def account(self) -> str:
        """The 12-digit account id."""
        return self.settings.account or self.aws.account

    def bucket(self, resource: str) -> str:
        """Return the name of a bucket, such as that of ``raw``."""
        return self.names.bucket(resource, self.account)

    def address(self, resource: str, key: str) -> str:
        """Return the ``s3://`` URI of a key in one of the platform's buckets."""
        return s3.uri(self.bucket(resource), key)

    def machine(self, name: str) -> str:
        """Return the ARN of one of the platform's state machines."""
        return self.names.state_machine_arn(name, self.account)

    @cached_property
    def objects(self) -> Objects:
        """The objects in S3."""
        return Objects(self.aws.s3)

    @cached_property
    def lineage(self) -> Lineage:
        """The lineage table."""
        return Lineage(Table(self.aws.dynamodb, self.names.lineage_table))

    @cached_property
    def catalog(self) -> Catalog:
        """The dataset versions."""
        return Catalog(
            self.aws, raw_bucket=self.bucket("raw"), datasets_bucket=self.bucket("datasets")
        )

    @cached_property
    def images(self) -> ImageRecords:
        """The images table."""
        table = Table(self.aws.dynamodb, self.names.images_table, keys=KEYS)
        return ImageRecords(table, Pseudonyms(self._pseudonym_secret))

    def _pseudonym_secret(self) -> str:
        return secrets.read(self.aws.client("secretsmanager"), self.names.pseudonym_secret)

    @cached_property
    def versions(self) -> Versions:
        """The registered model versions."""
        return Versions(Parameters(self.aws.parameters), self.settings.prefix)

    @cached_property
    def apigateway(self) -> "APIGatewayClient":
        """Amazon API Gateway."""
        client: APIGatewayClient = self.aws.client("apigateway")
        return client
