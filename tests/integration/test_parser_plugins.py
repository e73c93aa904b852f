"""A parser of someone else's, in a distribution of its own, reads documents for the whole loop."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import fieldwise as fw
from fieldwise import registry
from fieldwise.errors import InputError
from fieldwise.registry import make, names, register
from fieldwise.settings import Settings
from harness import FACTS, PROMPT, TEXT, TextParser, scripted

# A whole plugin: it reads a format of its own, a line a page, and counts how often it reads.
MODULE = """
import hashlib

from fieldwise.errors import ParseError
from fieldwise.model import Document, Page


class SlashParser:
    def __init__(self, mark, most):
        self.mark, self.most = mark, most
        self.name = f"slashes/1 mark={mark}"
        self.read = 0

    async def parse(self, path, on_progress=None):
        self.read += 1
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ParseError(f"{path} could not be read: {error}.", next_step="Check the path.") from None
        pages = [Page(number=n, markdown=text.strip()) for n, text in enumerate(data.decode().split(self.mark), 1)]
        return Document(
            id=hashlib.sha256(data).hexdigest(),
            media_type="text/x-slashes",
            name=path.name,
            parser=self.name,
            pages=pages[: self.most],
        )

    async def aclose(self):
        pass


def make(order):
    return SlashParser(order.argument or "//", order.settings.max_pages)
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder as `pip install` leaves it, with the distribution `slashes` in it."""
    folder = tmp_path / "site"
    info = folder / "slashes-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: slashes\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[fieldwise.parsers]\nslashes = slashes_parser:make\n")
    (info / "RECORD").write_text("slashes_parser.py,,\nslashes-1.0.dist-info/METADATA,,\n")
    (folder / "slashes_parser.py").write_text(MODULE)
    return folder


@pytest.fixture
def _installed(site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(site)
    yield
    sys.modules.pop("slashes_parser", None)


@pytest.fixture
def _own_registrations() -> Iterator[None]:
    before = dict(registry._makers)
    yield
    registry._makers.clear()
    registry._makers.update(before)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "work.slashes"
    path.write_text(f"{TEXT} // The second page")
    return path


def test_the_command_line_reads_with_an_installed_plugin(site: Path, file: Path) -> None:
    paths = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-m", "fieldwise", "parse", str(file), "--json"],
        env={**os.environ, "PYTHONPATH": paths, "FIELDWISE_PARSER": "slashes"},
        capture_output=True,
        text=True,
        check=True,
    )
    parsed = json.loads(done.stdout)
    assert parsed["id"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert (parsed["media_type"], parsed["parser"]) == ("text/x-slashes", "slashes/1 mark=//")
    assert [page["markdown"] for page in parsed["pages"]] == [TEXT.strip(), "The second page"]
    assert "Loading" in [word["text"] for word in parsed["pages"][0]["words"]]


@pytest.mark.usefixtures("_installed")
async def test_a_run_is_read_proposed_and_extracted_over_an_installed_plugin(file: Path, tmp_path: Path) -> None:
    assert "slashes" in names("parser")
    async with fw.Fieldwise(store=tmp_path / "runs.db", parser="slashes", model=scripted()) as client:
        run = await client.astart(file, PROMPT)
        result = await run.aapprove()
        assert result.data["title"] == FACTS["title"]
        citation = result.cite("/title")
        assert citation is not None
        assert citation.page == 1
        assert (await client.aparse(file)).parser == "slashes/1 mark=//"


@pytest.mark.usefixtures("_installed")
def test_a_plugin_gets_the_settings_and_what_stands_after_the_colon(file: Path) -> None:
    parser = make("parser", "slashes:Year", Settings(max_pages=1))
    assert (parser.mark, parser.most) == ("Year", 1)


@pytest.mark.usefixtures("_own_registrations")
async def test_a_registered_parser_reads_for_a_client_that_names_it(file: Path, tmp_path: Path) -> None:
    register("parser", "mine", lambda order: TextParser())
    async with fw.Fieldwise(store=tmp_path / "runs.db", parser="mine", model=scripted()) as client:
        assert (await client.aparse(file)).parser == TextParser().name


@pytest.mark.usefixtures("_installed")
def test_a_plugin_that_cannot_be_loaded_is_an_error_that_names_it(site: Path) -> None:
    (site / "slashes_parser.py").write_text("import a_module_that_nobody_has\n")
    with pytest.raises(InputError, match=r"'slashes' \(slashes_parser:make\).*a_module_that_nobody_has") as caught:
        make("parser", "slashes", Settings())
    assert caught.value.next_step == "Mend, update or uninstall the distribution slashes."


@pytest.mark.usefixtures("_installed")
async def test_pages_of_a_plugin_are_looked_up_the_second_time(file: Path, tmp_path: Path) -> None:
    parser: Any = make("parser", "slashes", Settings())
    async with fw.Fieldwise(store=tmp_path / "runs.db", parser=parser, model=scripted()) as client:
        for _ in range(2):
            await client.astart(file, PROMPT)
    assert parser.read == 1
