"""The secret under which users' names are hashed, so that only a pseudonym of them is kept."""

from aws_cdk.aws_iam import Role
from aws_cdk.aws_kms import IKey
from aws_cdk.aws_secretsmanager import CfnSecret, Secret, SecretStringGenerator
from constructs import Construct

from visionml.cdk.findings import acknowledge
from visionml.cdk.units.lifetime import removal_policy
from visionml.cdk.units.permissions import allow
from visionml.contracts.names import Names
from visionml.contracts.settings import Settings

_LENGTH = 64


class Pseudonyms(Construct):
    """A secret that AWS makes up and nobody has to know."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        settings: Settings,
        names: Names,
        key: IKey,
    ) -> None:
        super().__init__(scope, id)
        self._key = key
        self.secret = Secret(
            self,
            "Secret",
            secret_name=names.pseudonym_secret,
            description="Under it users' names become pseudonyms.",
            encryption_key=key,
            generate_secret_string=SecretStringGenerator(
                password_length=_LENGTH, exclude_punctuation=True
            ),
            removal_policy=removal_policy(settings),
        )
        cfn = self.secret.node.default_child
        assert isinstance(cfn, CfnSecret)  # noqa: S101 - narrows the type
        cfn.override_logical_id("PseudonymSecret")
        acknowledge(
            self.secret,
            {"AwsSolutions-SMG4": "Another secret would give the same user another pseudonym."},
        )

    def let_read(self, role: Role) -> None:
        """Allow reading the secret."""
        allow(role, ["secretsmanager:GetSecretValue"], [self.secret.secret_arn])
        self._key.grant(role, "kms:Decrypt")
