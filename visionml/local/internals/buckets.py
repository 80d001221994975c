# ruff: noqa: SLF001  (these modules exist to touch what MiniStack does not offer)
"""Buckets of stacks: the properties that MiniStack leaves out."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from ministack.services import s3
from ministack.services.cloudformation import provisioners

Answer = tuple[int, Any, bytes]


def keep_bucket_settings() -> None:
    """Give buckets of stacks their default encryption and their lifecycle rules."""
    for entry in (
        ("BucketEncryption", encryption_xml, _checked(s3._put_bucket_encryption),
         s3._delete_bucket_encryption),
        ("LifecycleConfiguration", lifecycle_xml, _checked(s3._put_bucket_lifecycle),
         s3._delete_bucket_lifecycle),
    ):  # fmt: skip
        provisioners._S3_BUCKET_CONFIGURATIONS += (entry,)


def _checked(put: Callable[[str, bytes], Answer]) -> Callable[[str, bytes], None]:
    """Fail the stack whose settings S3 refuses."""

    def checked(bucket: str, body: bytes) -> None:
        status, _headers, answer = put(bucket, body)
        if status >= 300:
            raise ValueError(f"S3 refused a setting of the bucket {bucket}: {answer!r}")

    return checked


def encryption_xml(settings: Mapping[str, Any]) -> bytes:
    """Return a template's ``BucketEncryption`` as the body of PutBucketEncryption."""
    root = Element("ServerSideEncryptionConfiguration", xmlns=s3.S3_NS)
    for rule in settings.get("ServerSideEncryptionConfiguration", []):
        made = SubElement(root, "Rule")
        chosen = rule.get("ServerSideEncryptionByDefault")
        if chosen:
            _texts(
                SubElement(made, "ApplyServerSideEncryptionByDefault"),
                (("SSEAlgorithm", "SSEAlgorithm"), ("KMSMasterKeyID", "KMSMasterKeyID")),
                chosen,
            )
        _texts(made, (("BucketKeyEnabled", "BucketKeyEnabled"),), rule)
    return tostring(root)


def lifecycle_xml(settings: Mapping[str, Any]) -> bytes:
    """Return a template's ``LifecycleConfiguration`` as PutBucketLifecycleConfiguration's body."""
    root = Element("LifecycleConfiguration", xmlns=s3.S3_NS)
    for rule in settings.get("Rules", []):
        made = SubElement(root, "Rule")
        _texts(made, (("Id", "ID"), ("Status", "Status")), rule)
        _filter(SubElement(made, "Filter"), rule)
        for tag, members, found in _actions(rule):
            for each in found:
                _texts(SubElement(made, tag), members, each)
    return tostring(root)


_Members = tuple[tuple[str, str], ...]
_SIZES: _Members = (
    ("ObjectSizeGreaterThan", "ObjectSizeGreaterThan"),
    ("ObjectSizeLessThan", "ObjectSizeLessThan"),
)
_TRANSITION: _Members = (
    ("TransitionInDays", "Days"),
    ("TransitionDate", "Date"),
    ("StorageClass", "StorageClass"),
)
_NONCURRENT: _Members = (
    ("NoncurrentDays", "NoncurrentDays"),
    ("TransitionInDays", "NoncurrentDays"),
    ("NewerNoncurrentVersions", "NewerNoncurrentVersions"),
    ("StorageClass", "StorageClass"),
)
_EXPIRATION: _Members = (
    ("ExpirationInDays", "Days"),
    ("ExpirationDate", "Date"),
    ("ExpiredObjectDeleteMarker", "ExpiredObjectDeleteMarker"),
)


def _actions(
    rule: Mapping[str, Any],
) -> Iterable[tuple[str, _Members, Iterable[Mapping[str, Any]]]]:
    if any(name in rule for name, _ in _EXPIRATION):
        yield "Expiration", _EXPIRATION, [rule]
    older = rule.get("NoncurrentVersionExpiration") or {
        "NoncurrentDays": rule.get("NoncurrentVersionExpirationInDays")
    }
    if older.get("NoncurrentDays") is not None:
        yield "NoncurrentVersionExpiration", _NONCURRENT, [older]
    yield "Transition", _TRANSITION, _all(rule, "Transition")
    yield "NoncurrentVersionTransition", _NONCURRENT, _all(rule, "NoncurrentVersionTransition")
    abort = rule.get("AbortIncompleteMultipartUpload")
    if abort:
        days = (("DaysAfterInitiation", "DaysAfterInitiation"),)
        yield "AbortIncompleteMultipartUpload", days, [abort]


def _all(rule: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Return what a rule has under a name and under its plural."""
    return [*([rule[name]] if name in rule else []), *rule.get(f"{name}s", [])]


def _filter(parent: Element, rule: Mapping[str, Any]) -> None:
    tags = rule.get("TagFilters", [])
    conditions = len(tags) + sum(name in rule for name in ("Prefix", *dict(_SIZES)))
    place = SubElement(parent, "And") if conditions > 1 else parent
    _texts(place, (("Prefix", "Prefix"),), rule)
    for tag in tags:
        _texts(SubElement(place, "Tag"), (("Key", "Key"), ("Value", "Value")), tag)
    _texts(place, _SIZES, rule)


def _texts(parent: Element, members: _Members, source: Mapping[str, Any]) -> None:
    for name, tag in members:
        value = source.get(name)
        if value is not None:
            SubElement(parent, tag).text = (
                str(value).lower() if isinstance(value, bool) else str(value)
            )
