"""The buckets, one for each kind of object."""

from collections.abc import Sequence

from aws_cdk import Duration, Stack
from aws_cdk.aws_iam import Role
from aws_cdk.aws_kms import IKey
from aws_cdk.aws_s3 import (
    BlockPublicAccess,
    Bucket,
    BucketEncryption,
    CfnBucket,
    HttpMethods,
    LifecycleRule,
    ObjectOwnership,
    StorageClass,
    Transition,
)
from constructs import Construct

from visionml.cdk.findings import acknowledge
from visionml.cdk.units.keys import Keys
from visionml.cdk.units.lifetime import removal_policy
from visionml.cdk.units.permissions import (
    add_objects,
    delete_objects,
    delete_versions,
    fetch_objects,
    read_objects,
    take_versions,
    write_objects,
)
from visionml.contracts.detector import FOLDERS
from visionml.contracts.layout import (
    ACCEPTED,
    INFERENCE_UPLOADS,
    PREVIEWS,
    QUARANTINE,
    QUERY_RESULTS,
    UPLOADS,
)
from visionml.contracts.names import Names
from visionml.contracts.settings import RetentionSettings, Settings

_NONCURRENT_DAYS = 30
_UPLOADS_DAYS = 7
"""Intake deletes what it has looked at; what is left is what it could not."""


_QUERIES_DAYS = 7
"""Whoever wants a result for longer asks again."""


class Buckets(Construct):
    """Original images, datasets, models, results, uploads and what intake makes of them.

    Beside them the access logs of all. ``originals`` holds what redaction has hidden in images: it
    may always be there, and only what `let_add` names can put something in.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        settings: Settings,
        names: Names,
        keys: Keys,
    ) -> None:
        super().__init__(scope, id)
        self._settings, self._names = settings, names
        keep = settings.retention
        self.logs = self._bucket("Logs", key=None, expire_days=keep.logs_days)
        self.raw = self._bucket("Raw", key=keys.images, expire_days=keep.images_days)
        self.datasets = self._bucket(
            "Datasets", key=keys.images, expire_days=keep.images_days, expire_prefix="prepared/"
        )
        self.models = self._bucket("Models", key=keys.models)
        self.results = self._bucket(
            "Results",
            key=keys.records,
            expire_days=keep.results_days,
            rules=[_expiring(QUERY_RESULTS, _QUERIES_DAYS)],
        )
        self.images = self._bucket("Images", key=keys.images, rules=image_rules(keep))
        self.originals = self._bucket(
            "Originals", key=keys.originals, expire_days=keep.originals_days, noncurrent_days=1
        )
        self._keys: dict[str, IKey] = {
            "raw": keys.images,
            "datasets": keys.images,
            "models": keys.models,
            "results": keys.records,
            "images": keys.images,
            "originals": keys.originals,
        }
        self.raw.add_lifecycle_rule(
            id="expire-uploads",
            prefix=INFERENCE_UPLOADS,
            expiration=Duration.days(1),
            noncurrent_version_expiration=Duration.days(1),
        )
        for bucket in (self.raw, self.images):
            _announce_uploads(bucket)
        self._let_pages_upload(self.raw, HttpMethods.PUT)
        self._let_pages_upload(self.images, HttpMethods.POST)
        acknowledge(
            self.logs,
            {"AwsSolutions-S1": "This bucket receives the access logs; logging itself would loop."},
        )

    def _bucket(
        self,
        kind: str,
        *,
        key: IKey | None,
        expire_days: int | None = None,
        expire_prefix: str | None = None,
        noncurrent_days: int = _NONCURRENT_DAYS,
        rules: Sequence[LifecycleRule] = (),
    ) -> Bucket:
        """Return a bucket; without a key it is one that S3 itself writes access logs to.

        S3 delivers access logs only to buckets encrypted with its own keys.
        """
        every = [
            LifecycleRule(
                id="tidy",
                abort_incomplete_multipart_upload_after=Duration.days(7),
                noncurrent_version_expiration=Duration.days(noncurrent_days),
            ),
            *rules,
        ]
        if expire_days is not None:
            every.append(
                LifecycleRule(
                    id="expire", expiration=Duration.days(expire_days), prefix=expire_prefix
                )
            )
        bucket = Bucket(
            self,
            kind,
            bucket_name=self.name(kind.lower()),
            encryption=BucketEncryption.KMS if key else BucketEncryption.S3_MANAGED,
            encryption_key=key,
            bucket_key_enabled=True if key else None,
            enforce_ssl=True,
            versioned=True,
            block_public_access=BlockPublicAccess.BLOCK_ALL,
            object_ownership=ObjectOwnership.BUCKET_OWNER_ENFORCED,
            server_access_logs_bucket=self.logs if key else None,
            server_access_logs_prefix=f"s3/{kind.lower()}/" if key else None,
            lifecycle_rules=every,
            removal_policy=removal_policy(self._settings),
        )
        _cfn(bucket).override_logical_id(f"{kind}Bucket")
        return bucket

    def let_read(self, role: Role, kind: str, *, prefix: str) -> None:
        """Allow reading the objects below a prefix of the ``raw``, ``models``... bucket."""
        read_objects(role, self.name(kind), self._keys[kind], prefix=prefix)

    def let_write(self, role: Role, kind: str, *, prefix: str) -> None:
        """Allow reading and writing the objects below a prefix of a bucket."""
        write_objects(role, self.name(kind), self._keys[kind], prefix=prefix)

    def let_add(self, role: Role, kind: str, *, prefix: str) -> None:
        """Allow adding objects below a prefix of a bucket."""
        add_objects(role, self.name(kind), self._keys[kind], prefix=prefix)

    def let_fetch(self, role: Role, kind: str, *, prefix: str) -> None:
        """Allow reading objects below a prefix of a bucket by their keys."""
        fetch_objects(role, self.name(kind), self._keys[kind], prefix=prefix)

    def let_take(self, role: Role, kind: str, *, prefix: str) -> None:
        """Allow reading and deleting exact versions of objects below a prefix of a bucket."""
        take_versions(role, self.name(kind), self._keys[kind], prefix=prefix)

    def let_take_back(self, role: Role, kind: str, *, prefix: str) -> None:
        """Allow deleting exact versions of objects below a prefix of a bucket."""
        delete_versions(role, self.name(kind), prefix=prefix)

    def let_delete(self, role: Role, kind: str, *, prefix: str) -> None:
        """Allow deleting the objects below a prefix of a bucket."""
        delete_objects(role, self.name(kind), prefix=prefix)

    def name(self, kind: str) -> str:
        """Return a bucket's name as text that any stack may use."""
        return self._names.bucket(kind, Stack.of(self).account)

    def _let_pages_upload(self, bucket: Bucket, method: HttpMethods) -> None:
        """Let pages that may call the API send images to the addresses that it gives them."""
        origins = self._settings.serving.allowed_origins
        if origins:
            bucket.add_cors_rule(
                allowed_methods=[method],
                allowed_origins=list(origins),
                allowed_headers=["Content-Type"],
                max_age=600,
            )


def image_rules(keep: RetentionSettings) -> list[LifecycleRule]:
    """Return what becomes of each kind of object in the images bucket."""
    kept = (*FOLDERS.values(), ACCEPTED)
    return [
        # what is moved on leaves a marker behind
        LifecycleRule(id="tidy-markers", expired_object_delete_marker=True),
        LifecycleRule(
            id="tidy-accepted",
            prefix=ACCEPTED,
            noncurrent_version_expiration=Duration.days(1),  # it lies in a folder by then
        ),
        *(_organised(prefix, keep) for prefix in kept),
        _expiring(PREVIEWS, keep.previews_days),
        _expiring(QUARANTINE, keep.quarantine_days),
        _expiring(UPLOADS, _UPLOADS_DAYS),
    ]


def _organised(prefix: str, keep: RetentionSettings) -> LifecycleRule:
    return LifecycleRule(
        id=f"keep-{prefix.strip('/')}",
        prefix=prefix,
        expiration=Duration.days(keep.organised_days),
        transitions=[
            Transition(
                storage_class=StorageClass.INFREQUENT_ACCESS,
                transition_after=Duration.days(keep.infrequent_days),
            ),
            Transition(
                storage_class=StorageClass.GLACIER_INSTANT_RETRIEVAL,
                transition_after=Duration.days(keep.archive_days),
            ),
        ],
    )


def _expiring(prefix: str, days: int) -> LifecycleRule:
    return LifecycleRule(
        id=f"expire-{prefix.strip('/')}",
        prefix=prefix,
        expiration=Duration.days(days),
        noncurrent_version_expiration=Duration.days(min(days, _NONCURRENT_DAYS)),
    )


def _announce_uploads(bucket: Bucket) -> None:
    """Send a bucket's events to EventBridge.

    Set on the resource, since the construct's own option brings a custom resource along.
    """
    _cfn(bucket).notification_configuration = CfnBucket.NotificationConfigurationProperty(
        event_bridge_configuration=CfnBucket.EventBridgeConfigurationProperty(
            event_bridge_enabled=True
        )
    )


def _cfn(bucket: Bucket) -> CfnBucket:
    resource = bucket.node.default_child
    assert isinstance(resource, CfnBucket)  # noqa: S101 - narrows the type
    return resource
