"""Settings of buckets, from a template's form to the body of S3's request."""

import xml.etree.ElementTree as ET
from typing import Any

from visionml.local.internals.buckets import encryption_xml, lifecycle_xml

_S3 = {"s3": "http://s3.amazonaws.com/doc/2006-03-01/"}


def _rule(**properties: Any) -> ET.Element:
    body = lifecycle_xml({"Rules": [{"Status": "Enabled", **properties}]})
    rule = ET.fromstring(body).find("s3:Rule", _S3)
    assert rule is not None
    return rule


def _text(rule: ET.Element, *path: str) -> str | None:
    return rule.findtext("/".join(f"s3:{each}" for each in path), namespaces=_S3)


def test_a_rule_has_its_expiry_and_its_transitions() -> None:
    rule = _rule(
        Id="organised",
        Prefix="cats/",
        ExpirationInDays=90,
        Transitions=[{"StorageClass": "STANDARD_IA", "TransitionInDays": 30}],
        NoncurrentVersionExpirationInDays=7,
        AbortIncompleteMultipartUpload={"DaysAfterInitiation": 1},
    )
    assert _text(rule, "ID") == "organised"
    assert _text(rule, "Filter", "Prefix") == "cats/"
    assert _text(rule, "Expiration", "Days") == "90"
    assert _text(rule, "Transition", "Days") == "30"
    assert _text(rule, "Transition", "StorageClass") == "STANDARD_IA"
    assert _text(rule, "NoncurrentVersionExpiration", "NoncurrentDays") == "7"
    assert _text(rule, "AbortIncompleteMultipartUpload", "DaysAfterInitiation") == "1"


def test_several_conditions_of_a_rule_stand_in_one_and() -> None:
    tags = [{"Key": "kind", "Value": "a&b"}]
    rule = _rule(Prefix="x/", TagFilters=tags, ObjectSizeGreaterThan=5, ExpirationInDays=1)
    assert _text(rule, "Filter", "And", "Prefix") == "x/"
    assert _text(rule, "Filter", "And", "Tag", "Value") == "a&b"
    assert _text(rule, "Filter", "And", "ObjectSizeGreaterThan") == "5"


def test_a_rule_that_clears_delete_markers_says_so_in_xmls_words() -> None:
    assert (
        _text(_rule(ExpiredObjectDeleteMarker=True), "Expiration", "ExpiredObjectDeleteMarker")
        == "true"
    )


def test_a_buckets_key_is_named() -> None:
    by_default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "arn:key"}
    rules = [{"ServerSideEncryptionByDefault": by_default, "BucketKeyEnabled": True}]
    root = ET.fromstring(encryption_xml({"ServerSideEncryptionConfiguration": rules}))
    chosen = ("Rule", "ApplyServerSideEncryptionByDefault", "KMSMasterKeyID")
    assert _text(root, *chosen) == "arn:key"
    assert _text(root, "Rule", "BucketKeyEnabled") == "true"
