"""Fetching a model file from a hub, for whoever asks for it: `fieldwise models pull NAME|OWNER/REPO/FILE|URL`.

The only code of the package that reaches for the network on its own, and only when called. A broken transfer goes on
where it stopped, now or at the next call; what arrives is checked before it is put in place.
"""

from __future__ import annotations

import contextlib
import email.message
import http.client
import ipaddress
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from fieldwise.errors import InputError, ModelUnavailable

from .files import OnBytes, hash_file, ignore_bytes, known_hash, locked, make_folder, require_space, write_atomically
from .gguf import read_gguf_head
from .weights import DEFAULT_WEIGHTS, is_intact, models_folder

HUB_URL = "https://huggingface.co"
_REPOSITORIES = {DEFAULT_WEIGHTS.name: "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF"}
_CHUNK = 1024 * 1024
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Source(NamedTuple):
    """Where a file comes from, and what is known of it before it arrives."""

    url: str
    file_name: str
    sha256: str | None = None
    size: int | None = None


def find_source(what: str, hub_url: str = HUB_URL) -> Source:
    """Say what a name, `owner/repo/file.gguf` or URL stands for. Raises InputError for anything else."""
    if what in _REPOSITORIES:
        weights = DEFAULT_WEIGHTS
        url = f"{hub_url.rstrip('/')}/{_REPOSITORIES[what]}/resolve/main/{weights.file_name}"
        return Source(url, weights.file_name, weights.sha256, weights.size)
    parts = urllib.parse.urlsplit(what)
    if parts.scheme in ("http", "https"):
        _require_safe(what)
        name = urllib.parse.unquote(parts.path.rpartition("/")[2])
        return Source(what, _file_name(name, what))
    if what.count("/") >= 2 and not parts.scheme:
        owner, repo, path = what.split("/", 2)
        quoted = "/".join(map(urllib.parse.quote, (owner, repo, "resolve", "main", path)))
        return Source(f"{hub_url.rstrip('/')}/{quoted}", _file_name(path.rpartition("/")[2], what))
    raise InputError(
        f"There is no model {what!r}.",
        next_step=f"Known is {', '.join(_REPOSITORIES)}; or give OWNER/REPO/FILE.gguf of a hub, or a URL.",
    )


def pull(
    what: str,
    cache_dir: Path,
    on_bytes: OnBytes = ignore_bytes,
    *,
    hub_url: str = HUB_URL,
    sha256: str | None = None,
    attempts: int = 5,
    timeout_seconds: float = 60.0,
    pause_seconds: float = 1.0,
) -> Path:
    """Fetch a model file into the cache and return its path; a file that is there and intact is not fetched again.

    `attempts` is how often in a row the connection may break without a single byte arriving. Raises InputError for an
    unknown name, ModelUnavailable for everything that goes wrong on the way (404, a wrong sha256, a full disk ...).
    """
    source = find_source(what, hub_url)
    if sha256 is not None:
        source = source._replace(sha256=sha256.lower())
    folder = models_folder(cache_dir)
    make_folder(folder)
    target = folder / source.file_name
    with locked(folder / f".{source.file_name}.lock", lambda: on_bytes(0, source.size or 0)):
        if _is_there(target, source, cache_dir):
            return target
        transfer = _Transfer(source, target, on_bytes, timeout_seconds)
        transfer.fetch(attempts, pause_seconds)
        transfer.put_in_place()
        known_hash(target, cache_dir)
        if source.sha256 == DEFAULT_WEIGHTS.sha256:
            target.with_suffix(".LICENSE").write_bytes(DEFAULT_WEIGHTS.licence.read_bytes())
    return target


def _is_there(target: Path, source: Source, cache_dir: Path) -> bool:
    if source.sha256 == DEFAULT_WEIGHTS.sha256:
        return is_intact(target, cache_dir)
    if not target.is_file():
        return False
    return source.sha256 is None or known_hash(target, cache_dir) == source.sha256


class _Transfer:
    """One file on its way: what has arrived lies in a `.part` beside the target, with a note of which file it is."""

    def __init__(self, source: Source, target: Path, on_bytes: OnBytes, timeout_seconds: float) -> None:
        self._source = source
        self._target = target
        self._part = target.with_name(f".{target.name}.part")
        self._note = target.with_name(f".{target.name}.part.json")
        self._on_bytes = on_bytes
        self._timeout = timeout_seconds
        self._redirects = _Redirects()
        self._opener = urllib.request.build_opener(self._redirects)

    def fetch(self, attempts: int, pause_seconds: float) -> None:
        failures = 0
        while True:
            before = self._arrived()
            try:
                if self._receive():
                    return
                reason = "the connection broke off"
            except urllib.error.HTTPError as error:
                with error:
                    self._refused(error)
                reason = f"the server answered {error.code}"
            except (OSError, http.client.HTTPException) as error:  # URLError, timeouts and resets are OSErrors
                reason = str(getattr(error, "reason", error)) or type(error).__name__
            failures = 0 if self._arrived() > before else failures + 1
            if failures >= attempts:
                raise ModelUnavailable(
                    f"{self._source.url} could not be fetched: {reason}.",
                    next_step="Check the network and call it again: it goes on where it stopped.",
                    url=self._source.url,
                    arrived_bytes=self._arrived(),
                )
            time.sleep(pause_seconds * failures)

    def _arrived(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def _receive(self) -> bool:
        """Ask for what is missing and write it. Returns whether the file is whole."""
        start, mark = self._arrived(), self._mark()
        if start and not mark:
            self._forget()  # what lies there cannot be known to be the same file
            start = 0
        headers = {"User-Agent": "fieldwise", "Accept-Encoding": "identity"}
        request = urllib.request.Request(self._source.url, headers=headers)  # noqa: S310  # http(s) only, by find_source
        if start:
            request.add_header("Range", f"bytes={start}-")
            request.add_header("If-Range", mark)
        with self._opener.open(request, timeout=self._timeout) as response:
            resumed = response.status == 206 and _range_start(response.headers) == start
            if not resumed:
                start = 0
            length = response.headers.get("Content-Length")
            total = start + int(length) if length and length.isdigit() else self._source.size or 0
            self._begin(response.headers, total, start)
            with open(self._part, "r+b" if resumed else "wb") as out:
                out.seek(start)
                done = self._copy(response, out, start, total)
        return done == total if total else True

    def _copy(self, response: Any, out: BinaryIO, done: int, total: int) -> int:
        whole = False
        while not whole:
            try:
                chunk = response.read(_CHUNK)
                whole = not chunk
            except http.client.IncompleteRead as broken:
                chunk, whole = broken.partial, True
            try:
                out.write(chunk)
            except OSError as error:  # not the network's fault: asking again would not help
                raise ModelUnavailable(
                    f"{self._part} could not be written: {error.strerror}.",
                    next_step="Make room, or set FIELDWISE_CACHE_DIR to a folder on another disk.",
                    path=str(self._part),
                ) from error
            done += len(chunk)
            self._on_bytes(done, total)
        return done

    def _begin(self, headers: email.message.Message, total: int, start: int) -> None:
        if total:
            require_space(self._target.parent, total - start)
        etag = headers.get("ETag") or ""
        # A weak tag does not promise the same bytes; without a strong one a broken transfer starts over.
        mark = "" if etag.startswith("W/") else etag or headers.get("Last-Modified") or ""
        write_atomically(self._note, json.dumps({"url": self._source.url, "mark": mark}))

    def _mark(self) -> str:
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            return str(note["mark"]) if note["url"] == self._source.url else ""
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def _refused(self, error: urllib.error.HTTPError) -> None:
        """Raise for an answer that will not change by asking again."""
        if error.code == 416:  # what lies there does not fit the file: start over
            self._forget()
            return
        if error.code < 500 and error.code not in (408, 429):
            steps = {
                404: "Check the name: the hub has no such file.",
                401: "The file is not public: fetch it yourself and use --model embedded:/path/to/file.gguf.",
                403: "The file is not public: fetch it yourself and use --model embedded:/path/to/file.gguf.",
            }
            raise ModelUnavailable(
                f"{self._source.url} could not be fetched: the server answered {error.code} {error.reason}.",
                next_step=steps.get(error.code, "Check the address."),
                url=self._source.url,
                status=error.code,
            )

    def put_in_place(self) -> None:
        found = hash_file(self._part)
        expected = self._source.sha256 or self._redirects.sha256
        if expected is not None and found != expected:
            self._forget()
            raise ModelUnavailable(
                f"What arrived from {self._source.url} is not the file that it should be (sha256 {found[:16]}...).",
                next_step="Try again; if it happens again, the file or the connection was tampered with.",
                expected=expected,
                found=found,
            )
        try:
            read_gguf_head(self._part)
        except ModelUnavailable as error:
            self._forget()
            raise ModelUnavailable(
                f"{self._source.url} is not a usable GGUF file.", next_step="Check the address.", url=self._source.url
            ) from error
        self._part.replace(self._target)
        self._forget()

    def _forget(self) -> None:
        for path in (self._part, self._note):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a hub to its storage, never from https to http, and remembers the sha256 that the hub names."""

    sha256: str | None = None

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: Any,
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        _require_safe(newurl)
        etag = (headers.get("X-Linked-Etag") or "").strip('"')
        if _SHA256.fullmatch(etag):
            self.sha256 = etag
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _range_start(headers: email.message.Message) -> int | None:
    match = re.match(r"bytes (\d+)-", headers.get("Content-Range") or "")
    return int(match[1]) if match else None


def _require_safe(url: str) -> None:
    """Refuse to fetch weights in the clear, except from this machine. Raises InputError."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "https":
        return
    host = parts.hostname or ""
    with contextlib.suppress(ValueError):
        if parts.scheme == "http" and (host == "localhost" or ipaddress.ip_address(host).is_loopback):
            return
    raise InputError(f"{url} is not fetched: it is not https.", next_step="Give an https address.")


def _file_name(name: str, what: str) -> str:
    if not re.fullmatch(r"[\w][\w.+-]*\.gguf", name):
        raise InputError(
            f"{what} does not name a .gguf file.", next_step="Give the address of one file, ending in .gguf."
        )
    return name
