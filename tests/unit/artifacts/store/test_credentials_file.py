"""Credentials that others renew in a file."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

import pytest

from orris.errors import FailedPrecondition
from orris_artifacts.store.s3.credentials import keys_of, provider_of
from orris_artifacts.store.s3.options import Keys

SECRET = "d0-n0t-sh0w-me"


def write(path: Path, access_key: str, extra: str = "") -> None:
    """Replace the file, as those do who renew it."""
    new = path.with_suffix(".new")
    new.write_text(f"[default]\naws_access_key_id = {access_key}\naws_secret_access_key = {SECRET}\n{extra}")
    new.replace(path)


def test_the_file_is_read_again_when_it_is_another_one(tmp_path: Path) -> None:
    path = tmp_path / "credentials"
    write(path, "first")
    provider = provider_of(path)
    assert keys_of(provider) == Keys("first", SECRET)
    write(path, "later", "aws_session_token = token\n")
    assert keys_of(provider) == Keys("later", SECRET, "token")


def test_it_is_read_once_while_it_stays(tmp_path: Path) -> None:
    path = tmp_path / "credentials"
    write(path, "first")
    provider = provider_of(path)
    assert provider.retrieve() is provider.retrieve()


def test_other_profiles_and_the_environment_are_not_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "other")
    path = tmp_path / "credentials"
    write(path, "mine", "[other]\naws_access_key_id = other\naws_secret_access_key = other\n")
    assert keys_of(provider_of(path)).access_key == "mine"


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"[other]\naws_access_key_id = a\naws_secret_access_key = b\n",
        b"[default]\naws_access_key_id = a\n",
        b"[default]\naws_access_key_id =\naws_secret_access_key = b\n",
        f"[default\n{SECRET}\n".encode(),
        f"{SECRET}\n".encode(),
        b"\xff\xfe" + SECRET.encode(),
    ],
)
def test_a_file_that_is_no_use_is_named_but_not_quoted(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "credentials"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FailedPrecondition, match=str(path)) as caught:
        keys_of(provider_of(path))
    assert caught.value.reason == "STORE_REFUSES"
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_keys_are_taken_as_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "credentials"
    path.write_text("[default]\naws_access_key_id = a%d\naws_secret_access_key = 5%(x)s/+=\n")
    assert keys_of(provider_of(path)) == Keys("a%d", "5%(x)s/+=")


def test_a_file_that_is_mended_is_read(tmp_path: Path) -> None:
    path = tmp_path / "credentials"
    provider = provider_of(path)
    with pytest.raises(FailedPrecondition):
        keys_of(provider)
    write(path, "now")
    assert keys_of(provider).access_key == "now"


def test_a_file_of_the_same_size_and_time_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "credentials"
    write(path, "aaa")
    provider = provider_of(path)
    keys_of(provider)
    times = os.stat(path)
    write(path, "bbb")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert keys_of(provider).access_key == "bbb"
