"""What the images service is told, and what it does not take."""

from __future__ import annotations

from pathlib import Path

import pytest

from orris.errors import FailedPrecondition, InvalidArgument
from orris_images.config import Settings

SECRET = "s3cret-of-a-registry"


@pytest.mark.parametrize(
    "registry", ["127.0.0.1:5000", "127.0.0.1:5000/orris", "registry.example.com/a/b-c", "localhost/x/", ""]
)
def test_a_registry_is_a_host_and_what_names_begin_with(registry: str) -> None:
    assert Settings(registry=registry).oci.registry == registry


@pytest.mark.parametrize(
    "registry",
    [
        *("http://127.0.0.1:5000", "https://registry.example.com/orris", "registry/orris", "orris", "/orris"),
        *("127.0.0.1:5000/Orris", "127.0.0.1:5000/a b", "127.0.0.1:x/a", "127.0.0.1:5000/../a", f"a:{SECRET}@b.c/d"),
    ],
)
def test_what_is_no_registry_is_refused_at_the_start(registry: str) -> None:
    with pytest.raises(InvalidArgument, match=r"ORRIS_IMAGES_REGISTRY: .*registry") as caught:
        Settings(registry=registry)
    assert SECRET not in str(caught.value)


def test_several_base_images_are_chosen_from() -> None:
    named = Settings(base_image="python:3.12-slim, localhost:5000/base@sha256:" + "0" * 64)
    assert named.oci.base_images == ("python:3.12-slim", "localhost:5000/base@sha256:" + "0" * 64)


@pytest.mark.parametrize("names", ["bad image!", "python:3.12,", ",", "https://docker.io/python", f"a:{SECRET}@b/c"])
def test_what_is_no_base_image_is_refused_at_the_start(names: str) -> None:
    with pytest.raises(InvalidArgument, match="ORRIS_IMAGES_BASE_IMAGE") as caught:
        Settings(base_image=names)
    assert SECRET not in str(caught.value)


def test_a_name_needs_a_password(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="ORRIS_IMAGES_REGISTRY_PASSWORD or ORRIS_IMAGES_REGISTRY_PASSWORD_FILE"):
        Settings(registry_username="ada")
    path = tmp_path / "password"
    settings = Settings(registry_username="ada", registry_password_file=path)
    with pytest.raises(FailedPrecondition, match=rf"No such file.*ORRIS_IMAGES_REGISTRY_PASSWORD_FILE, {path}"):
        _ = settings.oci
    path.write_text(f"{SECRET}\n")
    assert settings.oci.password == SECRET
    assert SECRET not in repr(settings.oci)
