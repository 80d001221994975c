"""What principals were seen doing: one row for many calls that ask the same of IAM."""

from pydantic import BaseModel, ConfigDict


class RecordedCall(BaseModel):
    """Calls of one principal that asked IAM for one action at one place."""

    model_config = ConfigDict(frozen=True)

    principal: str
    """The ARN of a role or a user."""
    action: str
    """As policies name it, such as ``s3:GetObject``."""
    resource: str
    """The ARN that the first of them asked for; ``*`` where the action knows no resources."""
    allowed: bool
    by_service: bool
    """A service asked on the role's behalf; the code that has the role sent no request."""
    count: int
    """So many, or fewer than twice as many."""

    @property
    def service(self) -> str:
        """The action's service, such as ``s3``."""
        return self.action.split(":", 1)[0]

    @property
    def role(self) -> str | None:
        """The role's name; None of a user."""
        return self.principal.rsplit("/", 1)[-1] if ":role/" in self.principal else None
