"""The docs say what is: files exist, commands and options exist, every setting and every error has its place."""

from __future__ import annotations

import ast
import functools
import importlib.util
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from fieldwise import errors
from fieldwise.errors import FieldwiseError

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "examples").glob("*.md"),
        *ROOT.glob("benchmarks/**/*.md"),
    ]
)
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)")
SHELL = ("sh", "bash", "shell", "console", "text")

each_page = pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])


def slugs(page: Path) -> set[str]:
    """Return the anchors that a page has, as code hosts make them from headings."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def commands(page: Path) -> Iterator[str]:
    """Yield every call of fieldwise in the page's shell blocks, and the calls that stand in `code` within the text."""
    text = page.read_text(encoding="utf-8")
    for language, block in FENCE.findall(text):
        if language in SHELL:
            for line in block.replace("\\\n", " ").splitlines():
                line = line.strip().removeprefix("$ ")
                if line.startswith("fieldwise "):
                    yield line
    yield from re.findall(r"`(fieldwise [^`\n]+)`", FENCE.sub("", text))


def words(line: str) -> list[str]:
    """Split a call into its words, up to the first pipe, redirection or comment."""
    line = line.replace("...", "").replace("…", "")
    splitter = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    splitter.whitespace_split = True
    found: list[str] = []
    for word in splitter:
        if word in ("|", "||", "&&", ";", ">", ">>", "<", "&"):
            break
        found.append(word)
    return found


def check_call(root: click.Command, line: str) -> str | None:
    """Return what is wrong with a call, or None: the command exists, and so does every option that it is given."""
    arguments = words(line)[1:]
    command, context = root, click.Context(root, info_name="fieldwise")
    while True:
        if isinstance(command, click.Group):
            # Options of the group itself, then the name of a command.
            parser = command.make_parser(context)
            parser.allow_interspersed_args = False
        else:
            parser = command.make_parser(context)
        try:
            _, rest, _ = parser.parse_args(args=list(arguments))
        except click.UsageError as error:
            return error.format_message()
        if not isinstance(command, click.Group) or not rest:
            return None
        child = command.get_command(context, rest[0])
        if child is None:
            return f"there is no command {rest[0]!r}"
        command, context, arguments = child, click.Context(child, parent=context, info_name=rest[0]), rest[1:]


@functools.cache
def root_command() -> click.Command:
    from fieldwise.cli.app import cli

    return cli


@each_page
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for target in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in slugs(file)):
            broken.append(target)
    assert not broken


@each_page
def test_every_command_in_the_docs_exists_with_its_options(page: Path) -> None:
    faults = {line: fault for line in commands(page) if (fault := check_call(root_command(), line))}
    assert not faults


def test_the_check_of_commands_finds_what_is_wrong() -> None:
    assert check_call(root_command(), 'fieldwise run paper.pdf "Extract the title" > out.json') is None
    assert "frobnicate" in (check_call(root_command(), "fieldwise frobnicate paper.pdf") or "")
    assert "--sideways" in (check_call(root_command(), "fieldwise run paper.pdf x --sideways") or "")


def build_module() -> Any:
    spec = importlib.util.spec_from_file_location("docs_build", ROOT / "docs" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_pages_made_from_the_code_are_fresh() -> None:
    assert build_module().stale() == [], "run: make docs"


def error_classes(root: type[FieldwiseError] = FieldwiseError) -> Iterator[type[FieldwiseError]]:
    yield root
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from error_classes(child)


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [error.code for error in error_classes()]
    assert len(codes) == len(set(codes))


def test_every_error_has_its_place_in_the_docs_and_no_other_has() -> None:
    page = ROOT / "docs" / "errors.md"
    documented = re.findall(r"^### (\w+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(documented) == sorted(error.code for error in error_classes() if error is not FieldwiseError)


def test_the_docs_give_each_error_the_exit_code_that_it_has() -> None:
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    for error in error_classes():
        if error is FieldwiseError:
            continue
        section = text.split(f"### {error.code}\n", 1)[1].split("\n### ", 1)[0]
        assert f"`{error.__name__}`" in section, error.code
        assert f"exit {error.exit_code}" in section, error.code


def test_every_exit_code_and_every_status_is_explained() -> None:
    from fieldwise.cli.app import EXIT_CODES
    from fieldwise.model import RunStatus

    text = (ROOT / "docs" / "statuses-and-exit-codes.md").read_text(encoding="utf-8")
    for code in EXIT_CODES:
        assert re.search(rf"^\| {code} \|", text, re.MULTILINE), code
    for status in [*(s.value for s in RunStatus), "complete", "incomplete", "unverified"]:
        assert f"| `{status}` |" in text, status
    for match in ("exact", "normalized", "fuzzy", "derived", "none"):
        assert f"| `{match}` |" in text, match


def issue_codes() -> Iterator[tuple[str, str]]:
    """Yield each code that the source gives to an issue or to a finding that becomes one, with where it does so."""
    makers = {"Issue": 1, "ParseIssue": 0, "Finding": 1}  # and which of their arguments is the code
    for folder in ("extract", "parse"):
        for path in sorted((ROOT / "src/fieldwise" / folder).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in makers:
                    named = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
                    given = named or node.args[makers[node.func.id] :][:1]
                    yield from (
                        (code, f"{path.name}:{node.lineno}") for value in given for code in constants(value, tree)
                    )


def constants(value: ast.expr, tree: ast.Module) -> Iterator[str]:
    """Yield the texts that an expression may be; of a name, what functions of its module return in its place."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value
    elif isinstance(value, ast.IfExp):
        yield from constants(value.body, tree)
        yield from constants(value.orelse, tree)
    elif isinstance(value, ast.Name):
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign):
                yield from assigned(value.id, node, tree)
            if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
                first = node.value.elts[0]
                if isinstance(first, ast.Constant | ast.IfExp):
                    yield from constants(first, tree)


def assigned(name: str, node: ast.Assign, tree: ast.Module) -> Iterator[str]:
    """Yield the texts that an assignment, of one value or of several at once, gives to a name."""
    target = node.targets[-1]
    pairs = [(target, node.value)]
    if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
        pairs = list(zip(target.elts, node.value.elts, strict=True))
    for left, right in pairs:
        if isinstance(left, ast.Name) and left.id == name and isinstance(right, ast.Constant | ast.IfExp):
            yield from constants(right, tree)


def test_every_code_of_an_issue_is_explained_and_no_other_is() -> None:
    text = (ROOT / "docs" / "statuses-and-exit-codes.md").read_text(encoding="utf-8")
    section = text.split("### Issues that make", 1)[1].split("\n## ", 1)[0]
    explained = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
    found = dict(issue_codes())
    assert {"rows_unread", "text_left", "ungrounded", "invalid", "page_damaged"} <= set(found)
    missing = {code: place for code, place in found.items() if code not in explained}
    assert not missing, "explain these in docs/statuses-and-exit-codes.md"
    assert explained <= set(found), "codes that nothing gives any more"
