"""S3 as whoever asks for a query, a crawl or a delivery sees it."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from visionml.local import ministack
from visionml.local.ministack import Call, Session

_NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"


class Refused(Exception):
    """S3 did not give or take an object; the text is its own."""


@dataclass(frozen=True)
class Found:
    """An object that a listing names."""

    bucket: str
    key: str
    size: int


@dataclass(frozen=True)
class Objects:
    """One session's access to S3, from a thread that is not the event loop's."""

    session: Session

    def below(self, uri: str) -> Iterator[Found]:
        """Yield the objects below a prefix such as ``s3://bucket/folder/``, sorted by key.

        Those that Athena and crawlers do not see are left out: markers of folders, and names
        that begin with ``_`` or ``.``.
        """
        bucket, prefix = split(uri)
        if prefix and not prefix.endswith("/"):
            prefix += "/"
        question = {"list-type": "2", "prefix": prefix}
        while True:
            page = ET.fromstring(  # noqa: S314 - the answer is this process's own
                self._ask(Call("GET", f"/{bucket}", query=urlencode(question)))
            )
            for each in page.iter(f"{_NAMESPACE}Contents"):
                key = each.findtext(f"{_NAMESPACE}Key") or ""
                size = int(each.findtext(f"{_NAMESPACE}Size") or 0)
                if size and not _hidden(key[len(prefix) :]):
                    yield Found(bucket, key, size)
            token = page.findtext(f"{_NAMESPACE}NextContinuationToken")
            if not token:
                return
            question["continuation-token"] = token

    def read(self, found: Found) -> bytes:
        """Return an object's content."""
        return self._ask(Call("GET", f"/{found.bucket}/{found.key}"))

    def write(self, uri: str, content: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Write an object."""
        bucket, key = split(uri)
        self._ask(Call("PUT", f"/{bucket}/{key}", content, headers=dict(headers or {})))

    def _ask(self, call: Call) -> bytes:
        status, _headers, content = ministack.call_as(self.session, "s3", call)[0]
        if status < 300:
            return content
        try:
            answer = ET.fromstring(content)  # noqa: S314 - the answer is this process's own
            said = f"{answer.findtext('Code')}: {answer.findtext('Message')}"
        except ET.ParseError:
            said = f"HTTP {status}"
        raise Refused(f"{said} (s3:/{call.path})")


def split(uri: str) -> tuple[str, str]:
    """Return bucket and key of ``s3://bucket/key``."""
    parts = urlsplit(uri)
    return parts.netloc, parts.path.lstrip("/")


def _hidden(relative: str) -> bool:
    return relative.endswith("/") or any(
        part.startswith(("_", ".")) for part in relative.split("/")
    )
