"""The rest of the embedded AWS, as SageMaker uses it: roles, images, S3, logs, metrics, events."""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from visionml.errors import AccessDenied, VisionmlError
from visionml.local import images, ministack
from visionml.local.containers import Runtime
from visionml.local.sagemaker.core import Caller, Document, Scope, now
from visionml.local.sagemaker.faults import Fault, invalid

log = logging.getLogger(__name__)

_PULL = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:GetDownloadUrlForLayer",
)
PRINCIPAL = "sagemaker.amazonaws.com"


@dataclass(frozen=True)
class Cloud:
    """Where the embedded AWS is, and what SageMaker asks of its other services."""

    endpoint_url: str
    ca_bundle: str | None
    folder: Path
    """Where jobs and instances have their disks; emptied as they end."""
    runtime: Runtime = field(default_factory=Runtime)

    def scope(self) -> Scope:
        """Return the account and region of the request in progress."""
        return Scope.here()

    def allow(
        self, caller: Caller, action: str, arn: str, context: Mapping[str, str] | None = None
    ) -> None:
        """Refuse a caller whom IAM does not allow an action.

        Raises
        ------
        Fault
            ``AccessDeniedException`` with IAM's sentence.
        """
        reason = ministack.denial(caller.access_key, action, arn, context)
        if reason:
            raise Fault("AccessDeniedException", reason)

    def lend_role(self, caller: Caller, role: str) -> None:
        """Refuse a role that the caller may not pass, or that SageMaker may not assume."""
        self.allow(caller, "iam:PassRole", role, {"iam:PassedToService": PRINCIPAL})
        if not (ministack.role_exists(role) and ministack.role_trusts(role, PRINCIPAL)):
            raise invalid(
                f"Could not assume role {role}. Please ensure that the role exists and allows "
                f"principal '{PRINCIPAL}' to assume the role."
            )

    def image(self, uri: str, role: str) -> images.Image:
        """Return an image that a role may pull.

        Raises
        ------
        Fault
            The registry does not have it, or the role may not pull it.
        """
        try:
            found = images.resolve(uri)
            repository = uri.partition("/")[2].partition("@")[0].partition(":")[0]
            arn = f"arn:aws:ecr:{ministack.region()}:{ministack.account()}:repository/{repository}"
            ministack.enforce(role, "ecr:GetAuthorizationToken")
            for action in _PULL:
                ministack.enforce(role, action, arn)
            return found
        except VisionmlError as error:
            raise invalid(
                f"Cannot find requested image: {uri}. Please check that it exists in your ECR "
                f"repository and that the role {role} has proper pull permissions for SageMaker: "
                f"{', '.join(_PULL)}"
            ) from error

    def session(self, role: str, name: str) -> ministack.Session:
        """Return credentials of a role that SageMaker has assumed for a job or an endpoint."""
        return ministack.register_session(role, name)

    def variables(self, session: ministack.Session, region: str) -> dict[str, str]:
        """Return what a container needs to call the embedded AWS as its role."""
        certificates = {"AWS_CA_BUNDLE": self.ca_bundle, "SSL_CERT_FILE": self.ca_bundle}
        return {
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": session.access_key_id,
            "AWS_SECRET_ACCESS_KEY": session.secret_access_key,
            "AWS_SESSION_TOKEN": session.session_token,
            **{name: bundle for name, bundle in certificates.items() if bundle},
        }

    def log(self, scope: Scope, role: str, group: str, stream: str) -> Callable[[str], None]:
        """Return a function that appends a line to a log stream, from any thread.

        A role that may not write there leaves no log, as on AWS.
        """
        lock, where = threading.Lock(), (scope.account, scope.region)
        arn = f"arn:aws:logs:{scope.region}:{scope.account}:log-group:{group}:log-stream:{stream}"
        with ministack.scope(scope.account, scope.region):
            if not _may(role, ("logs:CreateLogStream", "logs:PutLogEvents"), arn):
                return lambda _line: None

        def write(line: str) -> None:
            with _best_effort(f"log to {group}"), lock, ministack.scope(*where):
                ministack.put_log_events(group, stream, [line])

        return write

    def may_measure(self, role: str, namespace: str) -> bool:
        """Tell whether a role may publish metrics of a namespace."""
        context = {"cloudwatch:namespace": namespace}
        return _may(role, ("cloudwatch:PutMetricData",), "*", context)

    def metrics(self, scope: Scope, namespace: str, data: Sequence[Mapping[str, Any]]) -> None:
        """Publish metrics."""
        where = (scope.account, scope.region)
        with _best_effort(f"measure {namespace}"), ministack.scope(*where):
            ministack.put_metric_data(namespace, data)

    def alarm_state(self, scope: Scope, name: str) -> str | None:
        """Return the state of a CloudWatch alarm; None when there is no such alarm."""
        with ministack.scope(scope.account, scope.region):
            return ministack.alarm_state(name)

    def may_watch(self, scope: Scope, role: str, alarm: str) -> bool:
        """Tell whether a role may look at an alarm."""
        arn = f"arn:aws:cloudwatch:{scope.region}:{scope.account}:alarm:{alarm}"
        return _may(role, ("cloudwatch:DescribeAlarms",), arn)

    def announce(
        self, scope: Scope, detail_type: str, detail: Document, resources: Sequence[str]
    ) -> None:
        """Publish an EventBridge event of SageMaker."""
        where = (scope.account, scope.region)
        with _best_effort(f"announce {detail_type}"), ministack.scope(*where):
            ministack.put_event("aws.sagemaker", detail_type, detail, resources)

    def run(self, scope: Scope, work: Callable[[], object], *, name: str) -> threading.Thread:
        """Run work in a thread of its own, in a scope."""
        with ministack.scope(scope.account, scope.region):
            return ministack.start_thread(work, name=name)


@contextlib.contextmanager
def _best_effort(what: str) -> Iterator[None]:
    """Let work go on whose log line, metric or event fails."""
    try:
        yield
    except Exception:
        log.exception("SageMaker could not %s.", what)


def _may(
    role: str, actions: Sequence[str], arn: str, context: Mapping[str, str] | None = None
) -> bool:
    try:
        for action in actions:
            ministack.enforce(role, action, arn, context)
    except AccessDenied:
        return False
    return True


def epoch_seconds() -> int:
    """Return the present time as log streams carry it in their names."""
    return int(now().timestamp())
