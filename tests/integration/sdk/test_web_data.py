"""URLs as sources of datasets: fetched once, whole or not at all, and kept in a workspace when it is to have them."""

from __future__ import annotations

import base64
import errno
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orris import Dataset, Experiment, ScriptRunConfig, Workspace
from orris.errors import DataLoss, FailedPrecondition, InvalidArgument, NotFound, Unavailable
from orris.sdk import web_fetching
from orris.sdk.dataset_factory import from_delimited_files, from_files
from orris.sdk.datastore import Datastore
from orris.sdk.web_fetching import fetch
from orris.sdk.web_files import paths_of_urls
from tests.fakes.download_server import DownloadServer, Exchange, download_server
from tests.fakes.services.server import FakeOrris

CSV = b"x,y\n1,a\n2,b\n3,c\n"
Fetch = Callable[[str], bytes]


@pytest.fixture
def site() -> Iterator[DownloadServer]:
    """A web server with a table."""
    with download_server() as server:
        server.answer = lambda exchange, data: exchange.say(200, data)
        server.objects |= {"data/t.csv": CSV, "data/more/u.csv": b"x,y\n4,d\n"}
        yield server


def at(server: DownloadServer, path: str = "data/t.csv") -> str:
    return f"http://127.0.0.1:{server.server_port}/{path}"


@pytest.fixture
def fetched(tmp_path: Path) -> Fetch:
    """Return what is at a URL, and do not wait before trying again."""

    def fetched(url: str) -> bytes:
        with (tmp_path / "fetched").open("w+b") as file:
            fetch(url, file.fileno(), lambda done, total: None, sleep=lambda seconds: None)
            return file.read()

    return fetched


def test_a_table_of_the_web_is_fetched_once_and_needs_no_workspace_to_be_read(site: DownloadServer) -> None:
    table = from_delimited_files(at(site))
    assert list(table.to_pandas_dataframe().x) == [1, 2, 3]
    assert list(table.skip(1).keep_columns("y").to_pandas_dataframe().y) == ["b", "c"]
    assert table.to_path() == ["/t.csv"]
    assert len(site.asked) == 1
    with pytest.raises(InvalidArgument, match="register it first"):
        _ = table.workspace


def test_registered_it_is_kept_in_the_workspace(server: FakeOrris, lab: Workspace, site: DownloadServer) -> None:
    table = from_delimited_files(at(site))
    registered = table.register(lab, "t")
    site.objects.clear()
    assert (registered.version, registered.id) == (1, table.id)
    assert list(registered.to_pandas_dataframe().x) == [1, 2, 3]
    assert registered.workspace is lab


def test_unchanged_it_is_no_new_version(server: FakeOrris, lab: Workspace, site: DownloadServer) -> None:
    assert [Dataset.create(lab, "t", at(site)).version for _ in range(2)] == [1, 1]
    site.objects["data/t.csv"] += b"4,d\n"
    assert Dataset.create(lab, "t", at(site)).version == 2


def test_a_run_is_given_what_was_fetched(server: FakeOrris, lab: Workspace, source: Path, site: DownloadServer) -> None:
    mounted = from_files(at(site)).as_named_input("t").as_mount()
    run = Experiment(lab, "iris").submit(ScriptRunConfig(source, "train.py", arguments=[mounted, mounted]))
    (given,) = server.runs.runs[run.resource_name].inputs
    assert [entry.path for entry in lab.transfer.entries(given.tree)] == ["t.csv"]
    assert len(site.asked) == 1


def test_files_are_named_by_what_their_urls_do_not_have_in_common(site: DownloadServer, tmp_path: Path) -> None:
    files = from_files([at(site, "data/more/u.csv"), at(site, "data/t.csv?token=secret")])
    assert files.to_path() == ["/more/u.csv", "/t.csv"]
    assert [Path(path).read_bytes() for path in files.skip(1).download(tmp_path / "copy")] == [CSV]
    assert not (tmp_path / "copy" / "more").exists()
    first, second = files.random_split(0.5, seed=1)
    assert sorted(first.to_path() + second.to_path()) == files.to_path()
    with files.mount() as mounted:
        assert Path(mounted.mount_point, "t.csv").read_bytes() == CSV


@pytest.mark.parametrize(
    ("urls", "paths"),
    [
        (["https://a.org/d/x.gz", "https://b.org/d/y.gz"], ["a.org/d/x.gz", "b.org/d/y.gz"]),
        (["https://a.org"], ["a.org"]),
        (["https://a.org/d/a%20b.csv?sig=1#top"], ["a b.csv"]),
        (["https://a.org/d/", "https://a.org/d/"], ["d"]),
    ],
)
def test_paths(urls: list[str], paths: list[str]) -> None:
    assert list(paths_of_urls(urls)) == paths


@pytest.mark.parametrize(
    ("urls", "problem"),
    [
        (["https://a.org/x?v=1", "https://a.org/x?v=2"], "two different files"),
        (["https://a.org/%2e%2e/x", "https://a.org/y"], r"`\.\.` part"),
        (["https://user:secret@a.org/x"], "user in it"),
        (["https://a.org:port/x"], "correct it"),
        (["https://[::1/x"], "correct it"),
        (["https:///x"], "correct it"),
    ],
)
def test_urls_that_cannot_be_are_refused_before_anything_is_asked(urls: list[str], problem: str) -> None:
    with pytest.raises(InvalidArgument, match=problem) as raised:
        paths_of_urls(urls)
    assert "secret" not in str(raised.value)


def test_urls_and_paths_in_datastores_are_not_mixed(lab: Workspace) -> None:
    with pytest.raises(InvalidArgument, match="not both"):
        from_files(["https://a.org/x", (Datastore(lab), "y")])


def test_redirects_are_followed_as_far_as_they_lead_to_a_file(site: DownloadServer, fetched: Fetch) -> None:
    site.objects["here"] = b""

    def answer(exchange: Exchange, data: bytes) -> None:
        exchange.say(200, data) if data else exchange.say(302, b"", Location="/data/t.csv")

    site.answer = answer
    assert fetched(at(site, "here")) == CSV


@pytest.mark.parametrize(
    ("location", "problem"),
    [("/data/t.csv", "more than 10 times"), ("ftp://127.0.0.1/x", "over HTTP"), ("", "over HTTP")],
)
def test_other_redirects_are_refused(site: DownloadServer, fetched: Fetch, location: str, problem: str) -> None:
    site.answer = lambda exchange, data: exchange.say(307, b"", Location=location)
    with pytest.raises(FailedPrecondition, match=problem):
        fetched(at(site))
    assert len(site.asked) <= web_fetching.MAX_REDIRECTS + 1


def test_nobody_is_led_from_https_to_http() -> None:
    with pytest.raises(FailedPrecondition, match="from https to http"):
        web_fetching._redirected("https://a.org/x", "https://a.org/x", "http://a.org/x")


@pytest.mark.parametrize(
    ("status", "error", "attempts"),
    [(404, NotFound, 1), (403, FailedPrecondition, 1), (206, FailedPrecondition, 1), (503, Unavailable, 6)],
)
def test_an_answer_that_is_no_file_says_what_to_do(
    site: DownloadServer, fetched: Fetch, status: int, error: type[Exception], attempts: int
) -> None:
    site.answer = lambda exchange, data: exchange.say(status, b"<html>")
    with pytest.raises(error, match=rf"data/t\.csv .*status {status}") as raised:
        fetched(f"{at(site)}?sig=secret")
    assert len(site.asked) == attempts
    assert "secret" not in str(raised.value)


def broken(exchange: Exchange, data: bytes) -> None:
    """Promise more than comes."""
    exchange.say(200, data, Content_Length=str(len(data) + 1), Connection="close")
    exchange.close_connection = True


def chunked(exchange: Exchange, data: bytes) -> None:
    """Say no length, but where the end is."""
    exchange.say(200, b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data), Content_Length="", Transfer_Encoding="chunked")


def chunked_and_broken(exchange: Exchange, data: bytes) -> None:
    exchange.say(200, b"ff\r\n" + data, Content_Length="", Transfer_Encoding="chunked")
    exchange.close_connection = True


@pytest.mark.parametrize("breaking", [broken, chunked_and_broken])
def test_what_breaks_off_is_fetched_anew(site: DownloadServer, fetched: Fetch, breaking: Any) -> None:
    site.answer = lambda exchange, data: (breaking if len(site.asked) < 3 else chunked)(exchange, data)
    assert fetched(at(site)) == CSV
    site.answer = breaking
    with pytest.raises(Unavailable, match="broke off"):
        fetched(at(site))


def test_bytes_are_compared_with_the_digest_that_came_with_them(site: DownloadServer, fetched: Fetch) -> None:
    told = base64.b64encode(hashlib.md5(CSV).digest()).decode()
    site.answer = lambda exchange, data: exchange.say(200, data, Content_MD5=told)
    assert fetched(at(site)) == CSV
    site.objects["data/t.csv"] = CSV.replace(b"1", b"2")
    with pytest.raises(DataLoss, match="another MD5"):
        fetched(at(site))


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        ({"Content_Length": "", "Connection": "close"}, "without its length"),
        ({"Content_Encoding": "gzip"}, "comes packed"),
        ({"Content_Length": str(1 << 40)}, "larger than 100 GiB"),
    ],
)
def test_what_cannot_be_checked_is_refused(
    site: DownloadServer, fetched: Fetch, headers: dict[str, str], problem: str
) -> None:
    def answer(exchange: Exchange, data: bytes) -> None:
        exchange.close_connection = True
        exchange.say(200, data, **headers)

    site.answer = answer
    with pytest.raises(FailedPrecondition, match=problem):
        fetched(at(site))


def test_a_disk_that_is_full_is_not_taken_for_a_line_that_breaks(
    site: DownloadServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(web_fetching, "write_at", full)
    with pytest.raises(FailedPrecondition, match="there is no room") as raised:
        from_files(at(site))
    assert raised.value.reason == "DISK_FULL"
    assert len(site.asked) == 1


def test_who_asks_says_so(site: DownloadServer, fetched: Fetch) -> None:
    fetched(at(site))
    _, headers = site.asked[0]
    assert (headers["user-agent"], headers["accept-encoding"]) == ("orris", "identity")


def test_who_is_not_there_is_named(fetched: Fetch) -> None:
    with pytest.raises(FailedPrecondition, match=r"127\.0\.0\.1:1 cannot be reached .*upload"):
        fetched("http://127.0.0.1:1/x")
