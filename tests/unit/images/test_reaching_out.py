"""How what makes images reaches indexes and registries: by the machine's proxies and certificates, secrets kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from orris.errors import InvalidArgument
from orris_images.build.oci.dockerfiles import build_arguments
from orris_images.build.oci.registry_pool import Pool, proxy_of
from orris_images.build.oci.trust import certificates

PROXY = "http://proxy.lab:3128"
REGISTRY = "https://registry.lab:5000/v2/"


@pytest.mark.parametrize(
    ("url", "no_proxy", "used"),
    [
        (REGISTRY, "", True),
        (REGISTRY, "registry.lab", False),
        (REGISTRY, "other.lab, LAB ", False),
        (REGISTRY, ".lab", False),
        (REGISTRY, "*.lab", False),
        (REGISTRY, "*", False),
        (REGISTRY, "registry.lab:5000", False),
        (REGISTRY, "registry.lab:443", True),
        (REGISTRY, "ry.lab", True),
        (REGISTRY, ".registry.lab", True),
        ("https://10.1.2.3/v2/", "10.0.0.0/8", False),
        ("https://10.1.2.3/v2/", "10.1.2.3", False),
        ("https://10.1.2.3:5000/v2/", "10.1.2.3:5000", False),
        ("https://11.1.2.3/v2/", "10.0.0.0/8", True),
        ("https://[fd00::1]:5000/v2/", "fd00::/8", False),
        ("http://registry.lab/v2/", "", False),
        ("https://127.0.0.1:5000/v2/", "", False),
        ("https://localhost:5000/v2/", "", False),
        ("https://[::1]:5000/v2/", "", False),
    ],
)
def test_a_proxy_is_used_but_for_what_needs_none(url: str, no_proxy: str, used: bool) -> None:
    for https, no in (("https_proxy", "no_proxy"), ("HTTPS_PROXY", "NO_PROXY")):
        assert proxy_of(url, {https: PROXY, no: no_proxy}) == (PROXY if used else "")


def test_a_proxy_without_a_scheme_is_one_for_http() -> None:
    assert proxy_of("http://registry.lab/", {"http_proxy": "proxy.lab:3128"}) == PROXY


@pytest.mark.parametrize("proxy", ["socks5://user:s3cret@proxy.lab:1080", "http://"])
def test_what_is_no_proxy_is_refused_without_repeating_it(proxy: str) -> None:
    with pytest.raises(InvalidArgument, match="http_proxy") as caught:
        Pool({"https_proxy": proxy}).request("GET", REGISTRY)
    assert "s3cret" not in str(caught.value)


def pem(name: str) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{name}\n-----END CERTIFICATE-----\n"


def test_the_machines_certificates_are_those_that_uv_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "certificates"
    folder.mkdir()
    (folder / "one.pem").write_text(pem("one"))
    (folder / "two.crt").write_text(pem("two"))
    (folder / "12345678.0").symlink_to("one.pem")
    (folder / "README").write_text("no certificate")
    file = tmp_path / "file.pem"
    file.write_text(pem("file"))
    of_folder = certificates({"SSL_CERT_DIR": str(folder)}).decode()
    assert (of_folder.count("one"), of_folder.count("two"), "README" in of_folder) == (1, 1, False)
    assert certificates({"SSL_CERT_FILE": str(file)}).decode() == pem("file")
    assert certificates({"PIP_CERT": str(file)}).decode() == pem("file")
    both = certificates({"PIP_CERT": str(file), "SSL_CERT_DIR": f"{folder}:{tmp_path}/none"}).decode()
    assert all(pem(name) in both for name in ("file", "one", "two"))
    assert b"BEGIN CERTIFICATE" in certificates({})


DECLARED = "FROM base\nARG PIP_INDEX_URL\narg UV_DEFAULT_INDEX=https://other.lab\nRUN pip install six\n"


def test_a_dockerfile_gets_the_indexes_that_it_declares() -> None:
    environ = {"PIP_INDEX_URL": "https://index.lab/simple", "PIP_TRUSTED_HOST": "index.lab", "https_proxy": PROXY}
    told: list[str] = []
    arguments = build_arguments(DECLARED, environ, told.append)
    index = "https://index.lab/simple"
    assert arguments == {"PIP_INDEX_URL": index, "UV_DEFAULT_INDEX": index, "https_proxy": PROXY}
    assert build_arguments("FROM base\nRUN pip install six\n", environ, told.append) == {"https_proxy": PROXY}
    assert told == []


@pytest.mark.parametrize(
    "url",
    [
        "https://ada:s3cret@index.lab/simple",
        "https://s3cret@index.lab/simple",
        "https://index.lab/simple?token=s3cret",
        "https://index.lab/t/s3cret/simple",
        "https://index.lab/simple lab=https://ada:s3cret@index.lab/simple",
    ],
)
def test_credentials_of_an_index_get_into_no_dockerfile(url: str) -> None:
    environ = {"PIP_INDEX_URL": url}
    told: list[str] = []
    assert build_arguments(DECLARED, environ, told.append) == {}
    assert any("PIP_INDEX_URL" in line for line in told)
    assert "s3cret" not in "".join(told)
