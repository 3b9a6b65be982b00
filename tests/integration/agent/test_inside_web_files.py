"""What a program in a run fetches of the web: whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.download_server import DownloadServer, download_server
from tests.unit.sdk.test_frames import inside

CSV = b"x,y\n1,a\n"


@pytest.fixture
def web() -> Any:
    """The module, which does not wait before it tries again."""
    module = inside("_web_files")
    module.PAUSES = (1e-9, 1e-9, 0)
    return module


@pytest.fixture
def site() -> Iterator[DownloadServer]:
    with download_server() as server:
        server.answer = lambda exchange, data: exchange.say(200, data)
        server.objects |= {"data/t.csv": CSV, "data/more/u.csv": b"x,y\n2,b\n"}
        yield server


def at(site: DownloadServer, path: str = "data/t.csv") -> str:
    return f"http://127.0.0.1:{site.server_port}/{path}"


def test_files_are_fetched_by_what_their_urls_do_not_have_in_common(
    web: Any, site: DownloadServer, tmp_path: Path
) -> None:
    web.fetched([at(site, "data/more/u.csv?key=secret"), at(site)], str(tmp_path))
    found = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.csv"))
    assert (found, (tmp_path / "t.csv").read_bytes()) == (["more/u.csv", "t.csv"], CSV)


def test_what_breaks_off_is_fetched_again_and_never_taken_for_the_whole(
    web: Any, site: DownloadServer, tmp_path: Path
) -> None:
    answers = iter([503, "short", 200])

    def answer(exchange: Any, data: bytes) -> None:
        how = next(answers, "short")
        exchange.close_connection = True
        if how == "short":
            exchange.say(200, data[:3], Content_Length=str(len(data)))
        else:
            exchange.say(how, data)

    site.answer = answer
    web.fetched([at(site)], str(tmp_path))
    assert (tmp_path / "t.csv").read_bytes() == CSV
    with pytest.raises(Exception, match="3 of 8 bytes"):
        web.fetched([at(site)], str(tmp_path))


@pytest.mark.parametrize(
    ("status", "headers", "problem"),
    [
        (404, {}, "status 404"),
        (200, {"Content_Length": ""}, "without its length"),
        (302, {"Location": "file:///etc/passwd"}, "refused: status 302"),
    ],
)
def test_what_cannot_be_had_says_why_without_what_may_be_secret(
    web: Any, site: DownloadServer, tmp_path: Path, status: int, headers: dict[str, str], problem: str
) -> None:
    def answer(exchange: Any, data: bytes) -> None:
        exchange.close_connection = True
        exchange.say(status, data, **headers)

    site.answer = answer
    with pytest.raises(Exception, match=problem) as refused:
        web.fetched([at(site, "data/t.csv?key=secret")], str(tmp_path))
    assert "secret" not in str(refused.value)
    assert len(site.asked) == 1


@pytest.mark.parametrize("path", ["a/%2e%2e/b", "../b", "a//b", "a%00b"])
def test_a_url_names_no_file_elsewhere(web: Any, path: str) -> None:
    with pytest.raises(Exception, match="no URL of a file"):
        web.paths_of_urls([f"https://example.org/{path}"])
