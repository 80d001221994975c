"""A private certificate authority and the server's certificate, made once per project folder."""

from dataclasses import dataclass
from pathlib import Path

import certifi
import trustme

_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Certificates:
    """Where the PEM files lie."""

    authority: Path
    """The private authority alone, for clients that add it to their own (Node)."""
    bundle: Path
    """The private authority and certifi's, for clients that replace theirs (Python, AWS CLI)."""
    certificate: Path
    key: Path


def ensure(folder: Path) -> Certificates:
    """Return the certificates in a folder, making them when one is missing.

    The authority's own key is never written, so nothing else can be issued in its name.
    """
    made = Certificates(
        folder / "ca.pem", folder / "bundle.pem", folder / "server.pem", folder / "server.key"
    )
    if all(path.exists() for path in (made.authority, made.bundle, made.certificate, made.key)):
        return made
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority = trustme.CA(organization_name="visionml embedded AWS")
    leaf = authority.issue_cert(*_NAMES)
    authority_pem = authority.cert_pem.bytes()
    made.authority.write_bytes(authority_pem)
    made.bundle.write_bytes(authority_pem + Path(certifi.where()).read_bytes())
    made.certificate.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    made.key.touch(mode=0o600)
    made.key.write_bytes(leaf.private_key_pem.bytes())
    return made
