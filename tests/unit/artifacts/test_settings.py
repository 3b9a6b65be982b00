"""What the service can be told."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from orris.errors import InvalidArgument
from orris_artifacts.config import Settings
from orris_artifacts.schema import metadata
from orris_artifacts.store.s3.options import Keys, S3Options
from orris_kit.config import default_home
from orris_kit.database import write
from orris_kit.database.opening import make_engine
from orris_kit.migration import differences, migrate


def test_by_default_all_is_in_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ORRIS_HOME", str(tmp_path))
    settings = Settings()
    assert settings.store_path == tmp_path / "artifacts" / "blobs"
    assert settings.database_url == f"sqlite:///{tmp_path}/artifacts/artifacts.db"


SECRET = "d0-n0t-sh0w-me"
COMPLETE = {
    "STORE": "s3://blobs/orris/",
    "S3_ENDPOINT": "https://Storage.Example:443/",
    "S3_ACCESS_KEY": "key",
    "S3_SECRET_KEY": SECRET,
}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """Settings as the environment tells them."""
    for name in list(os.environ):
        if name.startswith("ORRIS_ARTIFACTS_") or name == "SSL_CERT_FILE":
            monkeypatch.delenv(name)

    def tell(**variables: str) -> Settings:
        for name, value in variables.items():
            monkeypatch.setenv(f"ORRIS_ARTIFACTS_{name}", value)
        return Settings()

    return tell


def test_a_folder_is_no_bucket(told: Callable[..., Settings]) -> None:
    settings = told(STORE="~/blobs")
    assert settings.store_path == Path.home() / "blobs"
    assert settings.s3 is None


def test_a_bucket_and_the_way_there(told: Callable[..., Settings]) -> None:
    assert told(**COMPLETE).s3 == S3Options(
        endpoint="https://storage.example",
        bucket="blobs",
        prefix="orris/",
        credentials=Keys("key", SECRET),
        region="us-east-1",
        public_endpoint="https://storage.example",
        presign_time=timedelta(hours=1),
        ca_file=None,
        spool=default_home() / "artifacts" / "spool",
    )


def test_everything_about_a_bucket_can_be_told(told: Callable[..., Settings]) -> None:
    more = {
        "S3_PUBLIC_ENDPOINT": "http://[::1]:9000",
        "S3_REGION": "eu-central-1",
        "S3_SESSION_TOKEN": "token",
        "S3_CA_FILE": "/etc/ca.pem",
        "S3_PRESIGN_SECONDS": "600",
        "SPOOL": "~/disk",
    }
    options = told(**COMPLETE | more).s3
    assert options is not None
    assert options.public_endpoint == "http://[::1]:9000"
    assert options.region == "eu-central-1"
    assert options.credentials == Keys("key", SECRET, "token")
    assert options.ca_file == Path("/etc/ca.pem")
    assert options.presign_time == timedelta(minutes=10)
    assert options.spool == Path.home() / "disk"


def test_direct_transfers_can_be_forbidden(told: Callable[..., Settings]) -> None:
    options = told(**COMPLETE, S3_PRESIGN="false").s3
    assert options is not None
    assert options.presign_time is None


def test_certificates_are_found_where_openssl_finds_them(
    told: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/ssl/all.pem")
    assert told(**COMPLETE).s3_ca_file == Path("/etc/ssl/all.pem")
    assert told(S3_CA_FILE="/etc/ca.pem").s3_ca_file == Path("/etc/ca.pem")


def test_a_file_may_hold_the_credentials(told: Callable[..., Settings]) -> None:
    settings = told(STORE="s3://blobs", S3_ENDPOINT="http://localhost:9000", S3_CREDENTIALS_FILE="~/credentials")
    assert settings.s3 is not None
    assert settings.s3.credentials == Path.home() / "credentials"
    assert settings.s3.prefix == ""


def test_white_space_around_keys_is_no_part_of_them(told: Callable[..., Settings]) -> None:
    options = told(**COMPLETE | {"S3_SECRET_KEY": f" {SECRET}\n"}).s3
    assert options is not None
    assert options.credentials == Keys("key", SECRET)


@pytest.mark.parametrize("missing", ["S3_ENDPOINT", "S3_ACCESS_KEY", "S3_SECRET_KEY"])
def test_what_a_bucket_needs_is_named(told: Callable[..., Settings], missing: str) -> None:
    with pytest.raises(InvalidArgument, match=rf"needs ORRIS_ARTIFACTS_{missing};.*_CREDENTIALS_FILE"):
        told(**{name: value for name, value in COMPLETE.items() if name != missing})


def test_credentials_in_two_places_are_refused(told: Callable[..., Settings]) -> None:
    with pytest.raises(InvalidArgument, match="not both"):
        told(**COMPLETE, S3_CREDENTIALS_FILE="/credentials")


@pytest.mark.parametrize(
    "store",
    [
        *("s3://", "s3:blobs", "s3://ab", "s3://Blobs", "s3://blobs-", "s3://a..b", "s3://10.0.0.1", "s3://b_b_b"),
        *("s3://blobs//a", "s3://blobs/../a", "s3://blobs/.probe", "s3://blobs/a?b", "s3://blobs/a b", "s3://blobs/ä"),
        f"s3://key:{SECRET}@blobs/a",
        f"gs://{SECRET}@blobs",
    ],
)
def test_a_store_that_is_not_supported_is_refused_at_start(told: Callable[..., Settings], store: str) -> None:
    with pytest.raises(InvalidArgument, match="give") as caught:
        told(**COMPLETE | {"STORE": store})
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("name", ["S3_ENDPOINT", "S3_PUBLIC_ENDPOINT"])
@pytest.mark.parametrize(
    "endpoint",
    [
        *("storage:9000", "ftp://storage", "http://", "http://storage:0", "http://storage:65536", "http://storage/a"),
        *("http://storage?a", "http://storage#a", "http://sto rage", f"http://key:{SECRET}@storage"),
    ],
)
def test_an_endpoint_is_a_host_and_a_port(told: Callable[..., Settings], name: str, endpoint: str) -> None:
    with pytest.raises(InvalidArgument, match="give http://host:port") as caught:
        told(**COMPLETE | {name: endpoint})
    assert SECRET not in str(caught.value)


def test_requests_are_signed_for_an_hour_at_most(told: Callable[..., Settings]) -> None:
    with pytest.raises(InvalidArgument, match="3600"):
        told(**COMPLETE, S3_PRESIGN_SECONDS="3601")


def test_secrets_are_not_shown(told: Callable[..., Settings]) -> None:
    settings = told(**COMPLETE, S3_SESSION_TOKEN=f"{SECRET}-too")
    for shown in (repr(settings), str(settings), repr(settings.s3), settings.model_dump_json()):
        assert SECRET not in shown
    for wrong in ({"S3_CREDENTIALS_FILE": "/credentials"}, {"S3_REGION": "?"}):
        with pytest.raises(InvalidArgument) as caught:
            told(**wrong)
        assert SECRET not in str(caught.value)
        assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_the_migrations_lead_to_the_tables_of_the_schema(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path}/a.db", "orris_artifacts")
    with write(engine) as connection:
        migrate(connection, "orris_artifacts")
        assert differences(connection, metadata) == []
    engine.dispose()


def test_garbage_is_collected_after_a_day_every_few_hours_unless_told_otherwise(told: Callable[..., Settings]) -> None:
    settings = told()
    assert (settings.grace, settings.sweep_interval) == (86_400, 6 * 3600)
    settings = told(GRACE="600", SWEEP_INTERVAL="0")
    assert (settings.grace, settings.sweep_interval) == (600, 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("GRACE", value) for value in ("599", "-1", "inf", "1" * 20)),
        *(("SWEEP_INTERVAL", value) for value in ("-1", "often", "1" * 20)),
    ],
)
def test_times_that_would_lose_uploads_or_never_come_are_refused(
    told: Callable[..., Settings], name: str, value: str
) -> None:
    with pytest.raises(InvalidArgument):
        told(**{name: value})
