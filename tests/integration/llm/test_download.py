"""Fetching a model from a hub on this machine's own loopback, which misbehaves as hubs do."""

from __future__ import annotations

import hashlib
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from fieldwise.errors import InputError, ModelUnavailable
from fieldwise.llm import download, files
from fieldwise.llm.download import find_source, pull
from fieldwise.llm.weights import DEFAULT_WEIGHTS

CONTENT = b"GGUF" + struct.pack("<IQQ", 3, 0, 0) + os.urandom(2_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PATH = "/owner/repo/resolve/main/tiny.gguf"
NAME = "owner/repo/tiny.gguf"


class Hub(ThreadingHTTPServer):
    """`breaks` holds after how many bytes each of the next answers breaks off; `log` the ranges that were asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.etag = '"one"'
        self.ranges = True
        self.breaks: list[int] = []
        self.status: list[int] = []
        self.redirect_sha256 = ""
        self.log: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        hub = self.server
        if hub.redirect_sha256 and not self.path.startswith("/store"):
            self.send_response(302)
            self.send_header("Location", f"{hub.url}/store{self.path}")
            self.send_header("X-Linked-Etag", f'"{hub.redirect_sha256}"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        hub.log.append(self.headers.get("Range", "all"))
        if hub.status:
            self.send_error(hub.status.pop(0))
            return
        if not self.path.endswith(PATH):
            self.send_error(404)
            return
        start = 0
        if hub.ranges and "Range" in self.headers and self.headers.get("If-Range") == hub.etag:
            start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
            if start >= len(hub.content):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(hub.content) - 1}/{len(hub.content)}")
        else:
            self.send_response(200)
        self.send_header("ETag", hub.etag)
        body = hub.content[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if hub.breaks:
            self.wfile.write(body[: hub.breaks.pop(0)])
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        else:
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """The server's own talk is not for the test's output."""


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def fetch(hub: Hub, tmp_path: Path) -> Callable[..., Path]:
    def fetcher(what: str = NAME, **settings: Any) -> Path:
        return pull(what, tmp_path, **{"hub_url": hub.url, "pause_seconds": 0.0, "timeout_seconds": 10.0, **settings})

    return fetcher


def leftovers(tmp_path: Path) -> list[str]:
    return sorted(p.name for p in (tmp_path / "models").iterdir() if not p.name.endswith(".lock"))


def test_a_file_of_a_hub_is_fetched_and_told_about(hub: Hub, fetch: Callable[..., Path], tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    path = fetch(on_bytes=lambda done, total: seen.append((done, total)), sha256=SHA256.upper())
    assert path == tmp_path / "models" / "tiny.gguf"
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert leftovers(tmp_path) == ["tiny.gguf"]


def test_a_file_that_is_there_is_not_fetched_again(hub: Hub, fetch: Callable[..., Path]) -> None:
    assert fetch(sha256=SHA256) == fetch(sha256=SHA256)
    assert hub.log == ["all"]


def test_a_url_is_fetched(hub: Hub, fetch: Callable[..., Path]) -> None:
    assert fetch(f"{hub.url}{PATH}").read_bytes() == CONTENT


def test_the_default_model_is_fetched_by_its_name_and_checked(
    hub: Hub, fetch: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = find_source(DEFAULT_WEIGHTS.name, "https://hub.example/")
    assert source.url == (
        "https://hub.example/Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF/resolve/main/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"
    )
    assert (source.sha256, source.size) == (DEFAULT_WEIGHTS.sha256, 1_117_320_768)


def test_a_broken_connection_goes_on_where_it_stopped(hub: Hub, fetch: Callable[..., Path]) -> None:
    hub.breaks = [500_000, 700_000]
    assert fetch(sha256=SHA256).read_bytes() == CONTENT
    assert hub.log == ["all", "bytes=500000-", "bytes=1200000-"]


def test_a_later_call_goes_on_where_an_earlier_one_stopped(
    hub: Hub, fetch: Callable[..., Path], tmp_path: Path
) -> None:
    hub.breaks = [500_000, 0, 0]
    with pytest.raises(ModelUnavailable, match="could not be fetched") as caught:
        fetch(attempts=2)
    assert "goes on where it stopped" in caught.value.next_step
    assert caught.value.fields["arrived_bytes"] == 500_000
    assert fetch(sha256=SHA256).read_bytes() == CONTENT
    assert hub.log[-1] == "bytes=500000-"
    assert leftovers(tmp_path) == ["tiny.gguf"]


def test_a_file_that_changed_meanwhile_is_fetched_from_its_start(hub: Hub, fetch: Callable[..., Path]) -> None:
    hub.breaks = [500_000, 0]
    with pytest.raises(ModelUnavailable):
        fetch(attempts=1)
    hub.content = CONTENT[:24] + b"x" * 300_000
    hub.etag = '"two"'
    assert fetch().read_bytes() == hub.content


def test_a_hub_without_ranges_is_asked_for_all_again(hub: Hub, fetch: Callable[..., Path]) -> None:
    hub.ranges = False
    hub.breaks = [500_000]
    assert fetch(sha256=SHA256).read_bytes() == CONTENT


def test_a_part_that_is_longer_than_the_file_is_thrown_away(
    hub: Hub, fetch: Callable[..., Path], tmp_path: Path
) -> None:
    hub.breaks = [500_000, 0]
    with pytest.raises(ModelUnavailable):
        fetch(attempts=1)
    with open(tmp_path / "models" / ".tiny.gguf.part", "ab") as part:
        part.write(b"x" * len(CONTENT))
    assert fetch(sha256=SHA256).read_bytes() == CONTENT


def test_a_part_of_unknown_origin_is_thrown_away(hub: Hub, fetch: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / ".tiny.gguf.part").write_bytes(b"x" * 1000)
    assert fetch(sha256=SHA256).read_bytes() == CONTENT


def test_a_busy_hub_is_asked_again(hub: Hub, fetch: Callable[..., Path]) -> None:
    hub.status = [503, 429]
    assert fetch(sha256=SHA256).read_bytes() == CONTENT


def test_a_wrong_hash_is_refused_and_nothing_is_kept(hub: Hub, fetch: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="sha256"):
        fetch(sha256="0" * 64)
    assert leftovers(tmp_path) == []


def test_the_hash_that_the_hub_names_is_checked(hub: Hub, fetch: Callable[..., Path]) -> None:
    hub.redirect_sha256 = "0" * 64
    with pytest.raises(ModelUnavailable, match="sha256"):
        fetch()
    hub.redirect_sha256 = SHA256
    assert fetch().read_bytes() == CONTENT


@pytest.mark.parametrize(("status", "step"), [(404, "no such file"), (401, "not public"), (403, "not public")])
def test_a_refusal_is_told_at_once(hub: Hub, fetch: Callable[..., Path], status: int, step: str) -> None:
    hub.status = [status]
    with pytest.raises(ModelUnavailable, match=str(status)) as caught:
        fetch()
    assert step in caught.value.next_step
    assert len(hub.log) == 1


def test_what_is_no_model_is_refused(hub: Hub, fetch: Callable[..., Path], tmp_path: Path) -> None:
    hub.content = b"<html>please log in</html>"
    with pytest.raises(ModelUnavailable, match="not a usable GGUF"):
        fetch()
    assert leftovers(tmp_path) == []


def test_a_hub_that_is_not_there_is_told(fetch: Callable[..., Path]) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with pytest.raises(ModelUnavailable, match="could not be fetched") as caught:
            fetch(hub_url=f"http://127.0.0.1:{port}", attempts=2)
    assert "network" in caught.value.next_step


def test_a_full_disk_is_told(hub: Hub, fetch: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 0}))
    with pytest.raises(ModelUnavailable, match="free"):
        fetch()


@pytest.mark.parametrize(
    "what",
    [
        "no-such-model",
        "owner/repo",
        "ftp://hub.example/a.gguf",
        "http://hub.example/a.gguf",
        "https://hub.example/a.bin",
        "https://hub.example/..%2F..%2Fevil.gguf",
        "owner/repo/.gguf",
        "file:///etc/passwd",
    ],
)
def test_what_names_no_safe_source_is_refused_before_any_connection(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download.urllib.request, "build_opener", lambda *args: pytest.fail("it connected"))
    with pytest.raises(InputError):
        pull(what, tmp_path)


def test_a_redirect_away_from_https_is_not_followed(hub: Hub, fetch: Callable[..., Path]) -> None:
    handler = download._Redirects()
    request = download.urllib.request.Request("https://hub.example/a.gguf")
    with pytest.raises(InputError, match="https"):
        handler.redirect_request(request, None, 302, "Found", http_headers(), "http://other.example/a.gguf")


def http_headers() -> Any:
    import http.client

    return http.client.HTTPMessage()
