"""Object storage over TLS: whom to trust is never left out, and bytes are checked as well."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from orris.errors import FailedPrecondition
from tests.servers import proxy as faults
from tests.servers.buckets import open_bucket, options_of
from tests.servers.object_storage import ObjectStorage
from tests.servers.proxy import Proxy, proxy

pytestmark = pytest.mark.needs("minio")

DATA = b"0123456789" * 1000
KEY = "lab/aa/k"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of `localhost`, signed by itself, with its key: a file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.2"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(names, critical=False)
    made = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(
        key, hashes.SHA256()
    )
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    path.write_bytes(key.private_bytes(*form) + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def secure(minio: ObjectStorage, certificate: Path) -> Iterator[Proxy]:
    """What makes an https:// of the storage."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with proxy(minio.port, context) as made:
        yield made


def test_a_certificate_of_ones_own_is_trusted_when_told(minio: ObjectStorage, secure: Proxy, certificate: Path) -> None:
    store = open_bucket(options_of(minio, endpoint=f"https://localhost:{secure.port}", ca_file=certificate))
    store.put(KEY, DATA)
    assert store.read(KEY, 5, 10) == DATA[5:15]
    assert [each.key for each in store.list("")] == [KEY]
    store.delete([KEY])
    assert store.size(KEY) is None


def test_bytes_that_are_damaged_behind_the_tls_are_refused_and_sent_again(
    minio: ObjectStorage, secure: Proxy, certificate: Path
) -> None:
    """What is sent over TLS is not part of the signature; a checksum is."""
    store = open_bucket(options_of(minio, endpoint=f"https://localhost:{secure.port}", ca_file=certificate))
    secure.asked.clear()
    secure.faults.append(faults.damage)
    store.put(KEY, DATA)
    assert [method for method, _ in secure.asked] == ["PUT", "PUT"]
    assert store.read(KEY) == DATA


def test_an_unknown_certificate_is_not_trusted(minio: ObjectStorage, secure: Proxy) -> None:
    with pytest.raises(FailedPrecondition, match=r"untrusted certificate.*set ORRIS_ARTIFACTS_S3_CA_FILE"):
        open_bucket(options_of(minio, endpoint=f"https://localhost:{secure.port}"))
    assert secure.asked == []


def test_a_certificate_of_another_host_is_not_trusted(minio: ObjectStorage, secure: Proxy, certificate: Path) -> None:
    with pytest.raises(FailedPrecondition, match="untrusted certificate"):
        open_bucket(options_of(minio, endpoint=f"https://127.0.0.1:{secure.port}", ca_file=certificate))
    assert secure.asked == []


def test_a_storage_without_tls_is_named(minio: ObjectStorage) -> None:
    with pytest.raises(FailedPrecondition, match="let ORRIS_ARTIFACTS_S3_ENDPOINT begin with http://"):
        open_bucket(options_of(minio, endpoint=f"https://localhost:{minio.port}"))


@pytest.mark.parametrize(("content", "reason"), [(None, "No such file"), (b"none", "no certificate")])
def test_certificates_that_are_no_use_are_named(
    minio: ObjectStorage, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FailedPrecondition, match=f"{path}.*{reason}.*set ORRIS_ARTIFACTS_S3_CA_FILE"):
        open_bucket(options_of(minio, endpoint=f"https://localhost:{minio.port}", ca_file=path))
