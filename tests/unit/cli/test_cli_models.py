"""Models at the command line: what there is, and fetching one, from a hub on this machine."""

from __future__ import annotations

import hashlib
import http.server
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fieldwise.cli import models
from fieldwise.errors import MissingExtra
from fieldwise.registry import names


def tiny_gguf() -> bytes:
    """A GGUF file with a head and no tensors."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    pairs = [("general.architecture", "llama"), ("tokenizer.chat_template", "{{ messages }}")]
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, len(pairs) + 1)
    body = b"".join(text(key) + struct.pack("<I", 8) + text(value) for key, value in pairs)
    return head + body + text("llama.context_length") + struct.pack("<II", 4, 2048)


GGUF = tiny_gguf()


@pytest.fixture
def hub() -> Iterator[str]:
    """A hub that has `owner/repo/tiny.gguf` and nothing else."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name that http.server calls
            if self.path != "/owner/repo/resolve/main/tiny.gguf":
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(GGUF)))
            self.end_headers()
            self.wfile.write(GGUF)

        def log_message(self, format: str, *args: object) -> None:
            return None

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def _a_cache_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIELDWISE_CACHE_DIR", str(tmp_path / "cache"))


def test_a_model_is_fetched_and_then_listed(cli: Any, hub: str, tmp_path: Path) -> None:
    sha256 = hashlib.sha256(GGUF).hexdigest()
    pulled = cli("models", "pull", "owner/repo/tiny.gguf", "--hub", hub, "--sha256", sha256)
    path = Path(pulled.out.strip())
    assert pulled.code == 0, pulled.err
    assert path.read_bytes() == GGUF
    assert f"--model embedded:{path}" in pulled.err
    listed = cli("models", "list", "--json").json
    assert {"name": f"embedded:{path}", "state": "ready", "detail": "a GGUF file", "bytes": len(GGUF)} in listed
    again = cli("models", "pull", "owner/repo/tiny.gguf", "--hub", "http://127.0.0.1:1", "--json")
    assert again.json == {"model": f"embedded:{path}", "path": str(path), "bytes": len(GGUF)}


def test_what_is_not_there_or_not_the_file_is_said(cli: Any, hub: str) -> None:
    missing = cli("models", "pull", "owner/repo/none.gguf", "--hub", hub)
    assert (missing.code, missing.out) == (1, "")
    assert "404" in missing.err
    other = cli("models", "pull", "owner/repo/tiny.gguf", "--hub", hub, "--sha256", "0" * 64)
    assert other.code == 1
    assert "sha256" in other.err
    assert cli("models", "pull", "nothing-like-it").code == 2
    assert [offer["name"] for offer in cli("models", "list", "--json").json if "tiny" in offer["name"]] == []


def test_the_default_model_comes_from_the_hub_where_its_packages_are_not_installed(
    cli: Any, hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_installed(*arguments: object) -> Path:
        raise MissingExtra("The default model's weights are not installed.", next_step="Install them.")

    monkeypatch.setattr(models, "ensure_weights", not_installed)
    monkeypatch.setattr(models, "find_parts", not_installed)
    assert cli("models", "list", "--json").json[0]["state"] == "missing"
    called = cli("models", "pull", "--hub", hub)
    assert called.code == 1
    assert "/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf could not be fetched" in called.err


def test_models_of_plugins_are_listed(cli: Any) -> None:
    listed = [offer["name"] for offer in cli("models", "list", "--json").json]
    assert listed[0] == "embedded"
    assert set(names("model")) <= set(listed)
    assert "scripted" in cli("models", "list").out
