"""Publishing a cloud assembly's assets: files to S3, images to the store and the registry."""

import hashlib
import io
import json
import shutil
import tempfile
import zipfile
from pathlib import Path

from botocore.exceptions import ClientError

from visionml.aws.errors import translated
from visionml.aws.session import Aws
from visionml.local.assembly import FileAsset, ImageAsset
from visionml.local.dockerfile import CONFIG_NOTE, MEDIA_TYPE, ROOT_NOTE, build

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time a zip can hold; one time for all makes equal folders equal zips."""


def publish_file(aws: Aws, asset: FileAsset) -> bool:
    """Upload a file, or a folder as a zip; False if the bucket has it already."""
    if _exists(aws, asset):
        return False
    body = zip_folder(asset.source) if asset.zipped else asset.source.read_bytes()
    with translated(f"upload {asset.source.name} to {asset.bucket}"):
        aws.s3.put_object(Bucket=asset.bucket, Key=asset.key, Body=body)
    return True


def zip_folder(folder: Path) -> bytes:
    """Return a zip of a folder that depends on nothing but names, contents and modes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if not path.is_file():
                continue
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if path.stat().st_mode & 0o100 else 0o644) << 16
            archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()


def publish_image(aws: Aws, store: Path, asset: ImageAsset) -> bool:
    """Build an image into the store and push its manifest; False if the registry has the tag.

    Raises
    ------
    InvalidInput
        The Dockerfile cannot be followed without Docker.
    """
    ecr = aws.client("ecr")
    label = f"{asset.repository}:{asset.tag}"
    with translated(f"look up the image {label}"):
        known = ecr.batch_get_image(
            repositoryName=asset.repository, imageIds=[{"imageTag": asset.tag}]
        )
    if known["images"]:
        return False
    store.mkdir(parents=True, exist_ok=True)
    root = store / hashlib.sha256(label.encode()).hexdigest()[:16]
    with tempfile.TemporaryDirectory(dir=store) as scratch:
        built = Path(scratch) / "root"
        config = build(asset.context, asset.dockerfile, built)
        shutil.rmtree(root, ignore_errors=True)
        built.rename(root)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MEDIA_TYPE,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": label},
        "layers": [],
        "annotations": {ROOT_NOTE: str(root), CONFIG_NOTE: json.dumps(config)},
    }
    with translated(f"push the image {label}"):
        ecr.put_image(
            repositoryName=asset.repository,
            imageTag=asset.tag,
            imageManifest=json.dumps(manifest),
            imageManifestMediaType=MEDIA_TYPE,
        )
    return True


def _exists(aws: Aws, asset: FileAsset) -> bool:
    try:
        aws.s3.head_object(Bucket=asset.bucket, Key=asset.key)
    except ClientError as error:
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
            return False
        with translated(f"look into the bucket {asset.bucket}"):
            raise
    return True
