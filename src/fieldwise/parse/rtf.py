"""RTF as one page: text, lists, headings, tables, headers, footnotes and comments. Runs in the reading process only.

Read by its control words: striprtf, the library for it, drops headers, footers and footnotes, and knows no tables.
Tracked deletions and hidden text are left out with an issue.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from fieldwise.errors import DamagedDocument
from fieldwise.model import Page, ParseIssue
from fieldwise.model.document import BlockKind

from .flow import Budget, FlowCell, FlowWriter
from .readers import Item, Job

_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?"  # control word
    rb"|\\'([0-9a-fA-F]{2})"  # a byte of the code page
    rb"|\\([^a-zA-Z])"  # control symbol
    rb"|([{}])"
    rb"|([^\\{}\r\n]+)"
)
_SIGNS = {
    "line": "\n", "tab": "\t", "emdash": "—", "endash": "–", "lquote": "‘", "rquote": "’", "ldblquote": "“",
    "rdblquote": "”", "bullet": "•", "emspace": " ", "enspace": " ", "qmspace": " ", "nestcell": "\t", "nestrow": "\n",
    "column": "\n",
}  # fmt: skip
_SYMBOLS = {b"~": " ", b"_": "-", b"{": "{", b"}": "}", b"\\": "\\"}
_SILENT_WORDS = (
    "colortbl info pict objdata themedata colorschememapping filetbl revtbl rsidtbl generator listtable "
    "listoverridetable xmlnstbl datastore latentstyles fldinst sn sv nonesttables bkmkstart bkmkend nonshppict "
    "ftnsep ftnsepc aftnsep atnid atnref atntime xe tc private pntxtb pntxta"
)
_SILENT = frozenset(_SILENT_WORDS.split())
# Groups that readers who do not know them shall pass over (`\*`), but whose text is on paper.
_STARRED = frozenset(("shpinst", "atnauthor", "annotation", "shppict", "listtext"))
_HEADERS = frozenset(("header", "headerl", "headerr", "headerf"))
_FOOTERS = frozenset(("footer", "footerl", "footerr", "footerf"))
_CHARSETS = {0: "cp1252", 77: "mac_roman", 128: "cp932", 129: "cp949", 134: "gbk", 136: "cp950", 161: "cp1253",
             162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874",
             238: "cp1250"}  # fmt: skip
_DEEPEST = 2000


@dataclass(slots=True)
class _State:
    """What a group inherits. `kind` says where its text goes; `own` is set for the group that began it."""

    kind: str = "text"
    own: bool = False
    uc: int = 1
    codec: str = ""
    hidden: bool = False
    deleted: bool = False
    bold: bool = False
    starred: bool = False


@dataclass(slots=True)
class _Row:
    """`merges` says of each cell whether it goes on from the left ("h"), from above ("v"), or not ("")."""

    cells: list[str] = field(default_factory=list)
    merges: list[str] = field(default_factory=list)
    header: bool = False


def read_rtf(job: Job) -> Iterator[Item]:
    """Yield media type, the one page, and issues. Raises ParseError."""
    yield "application/rtf", 1
    reader = _Reader(job.data)
    reader.read()
    if reader.unclosed and not reader.ended:
        raise DamagedDocument(
            f"{job.path} is damaged or cut off: {reader.unclosed} of its groups never end.",
            next_step="Download it again, or open it in a word processor and save a copy.",
            path=job.path,
        )
    yield reader.page()
    yield from reader.issues


def plain_text(data: bytes) -> str:
    """Return the text of RTF, its paragraphs a blank line apart."""
    reader = _Reader(data)
    reader.read()
    return reader.page().markdown


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._budget = Budget()
        self._writer = FlowWriter(1, budget=self._budget)
        self._state = _State()
        self._stack: list[_State] = []
        self._buffers: list[list[str]] = [[]]
        self._bytes = bytearray()
        self._to_skip = 0
        self._fonts: dict[int, str] = {}
        self._font = 0
        self._default = "cp1252"
        self._styles: dict[int, str] = {}
        self._style = 0
        self._outline: int | None = None
        self._label = ""
        self._in_table = False
        self._row = _Row()
        self._mark = ""
        self._rows: list[_Row] = []
        self._paragraphs = self._tables = 0
        self._margins: dict[BlockKind, list[str]] = {"header": [], "footer": []}
        self._notes: list[str] = []
        self._comments: list[tuple[str, str]] = []
        self._author = ""
        self._counts: Counter[str] = Counter()
        self.ended = False

    @property
    def unclosed(self) -> int:
        return len(self._stack)

    @property
    def issues(self) -> Iterator[ParseIssue]:
        messages = {
            "deleted": ("tracked_changes", "Text that is marked as deleted was left out ({} pieces)."),
            "hidden": ("hidden_text", "Text that is formatted as hidden was left out ({} pieces)."),
            "pictures": ("pictures_not_read", "{} pictures were not read; if they hold text, save it as PDF."),
        }
        for name, (code, message) in messages.items():
            if self._counts[name]:
                yield ParseIssue(code=code, message=message.format(self._counts[name]), lost=False)
        yield from self._budget.issues

    def read(self) -> None:
        at = 0
        while match := _TOKEN.search(self._data, at):
            at = match.end()
            word, number, byte, symbol, brace, text = match.groups()
            if text is not None:
                self._text(text)
            elif byte is not None:
                self._text(bytes((int(byte, 16),)))
            elif brace == b"{":
                self._open()
            elif brace is not None:
                self._close()
            elif word == b"bin":
                at += max(0, int(number or 0))
            elif word is not None:
                self._flush()
                self._control(word.decode("ascii"), int(number) if number else None)
            elif symbol == b"*":
                self._state.starred = True
            elif symbol in (b"\n", b"\r"):
                self._flush()
                self._end_paragraph()
            elif symbol in _SYMBOLS:
                self._flush()
                self._put(_SYMBOLS[symbol])
            if self.ended:
                break
        self._flush()
        self._end_paragraph()
        self._end_table()

    def page(self) -> Page:
        """Return what was read, notes and comments after the text, footers last."""
        for number, text in enumerate(self._notes, 1):
            self._writer.text("paragraph", text, label=f"[^{number}]:", anchor=f"note {number}")
        for number, (author, text) in enumerate(self._comments, 1):
            self._writer.text("paragraph", text, label=f"Comment by {author or 'unknown'}:", anchor=f"comment {number}")
        for text in dict.fromkeys(self._margins["footer"]):
            self._writer.text("footer", text, anchor="footer")
        return self._writer.page()

    def _open(self) -> None:
        self._flush()
        if len(self._stack) > _DEEPEST:
            raise RecursionError
        self._stack.append(self._state)
        self._state = replace(self._state, own=False, starred=False)

    def _close(self) -> None:
        self._flush()
        ending = self._state
        if not self._stack:
            return
        self._state = self._stack.pop()
        if ending.own:
            self._keep(ending.kind, _joined(self._buffers.pop()))
        self.ended = not self._stack

    def _keep(self, kind: str, text: str) -> None:
        """Take the text of a group that goes elsewhere than into the text."""
        if kind == "header":
            if text not in self._margins["header"]:
                self._margins["header"].append(text)
                self._writer.text("header", text, anchor="header")
        elif kind == "footer":
            self._margins["footer"].append(text)
        elif kind == "note":
            self._notes.append(text)
            self._put(f" [^{len(self._notes)}] ")
        elif kind == "author":
            self._author = text.strip()
        elif kind == "comment":
            self._comments.append((self._author, text))
        elif kind == "label":
            self._label = " ".join(text.split())
            if self._in_table:  # there, it is a part of the cell
                self._put(f"{self._label} ")
                self._label = ""
        elif kind == "style":
            self._styles[self._style] = text.strip(" ;").lower()
        # "font" tells by its control words alone

    def _begin(self, kind: str) -> None:
        """Let the text of this group go elsewhere."""
        self._state.kind, self._state.own = kind, True
        self._buffers.append([])

    def _control(self, name: str, number: int | None) -> None:
        state = self._state
        if state.starred:
            state.starred = False
            if name not in _STARRED:
                state.kind = "silent"
        if name in _SILENT:
            self._counts["pictures"] += name == "pict" and state.kind != "silent"
            state.kind = "silent"
        elif name == "fonttbl":
            state.kind = "fonts"
        elif name == "stylesheet":
            state.kind = "styles"
        elif state.kind == "silent":
            pass
        elif name in _HEADERS:
            self._begin("header")
        elif name in _FOOTERS:
            self._begin("footer")
        elif name == "footnote":
            self._begin("note")
        elif name == "atnauthor":
            self._begin("author")
        elif name == "annotation":
            self._begin("comment")
        elif name in ("listtext", "pntext"):
            self._begin("label")
        elif not self._character(name, number):
            self._paragraph(name, number)

    def _character(self, name: str, number: int | None) -> bool:
        """Follow a control word about characters; return False for one that is not."""
        state = self._state
        on = number != 0
        if name == "u" and number is not None:
            self._put(chr(number % 65536))
            self._to_skip = state.uc
        elif name == "uc":
            state.uc = max(0, min(number if number is not None else 1, 100))
        elif name == "ansicpg" and number:
            self._default = "utf-8" if number == 65001 else f"cp{number}"
        elif name == "f" and number is not None:
            self._font = number
            state.codec = self._fonts.get(number, "")
        elif name == "fcharset" and state.kind == "fonts":
            self._fonts[self._font] = _CHARSETS.get(number or 0, "")
        elif name == "v":
            state.hidden = on
        elif name == "deleted":
            state.deleted = on
        elif name == "b":
            state.bold = on
        elif name == "plain":
            state.hidden = state.bold = state.deleted = False
        elif name in _SIGNS:
            self._put(_SIGNS[name])
        else:
            return False
        return True

    def _paragraph(self, name: str, number: int | None) -> None:
        """Follow a control word about paragraphs and tables."""
        state = self._state
        if name == "s" and number is not None:
            self._style = number
            if state.kind == "styles":
                self._begin("style")
        elif name in ("par", "sect", "page"):
            self._end_paragraph()
        elif name == "pard":
            self._style, self._outline, self._in_table = 0, None, False
        elif name == "outlinelevel":
            self._outline = number
        elif name == "intbl":
            self._in_table = True
        elif name == "trowd":
            self._row.merges, self._row.header = [], False
        elif name == "trhdr":
            self._row.header = True
        elif name in ("clmrg", "clvmrg", "clvmgf"):
            self._mark = {"clmrg": "h", "clvmrg": "v", "clvmgf": ""}[name]
        elif name == "cellx":
            self._row.merges.append(self._mark)
            self._mark = ""
        elif name == "cell" and state.kind == "text":
            self._row.cells.append(_joined(self._buffers[0]))
            self._buffers[0].clear()
        elif name == "row" and state.kind == "text":
            self._rows.append(self._row)
            self._row = _Row(merges=list(self._row.merges), header=self._row.header)

    def _text(self, data: bytes) -> None:
        if self._to_skip:
            skipped = min(self._to_skip, len(data))
            self._to_skip -= skipped
            data = data[skipped:]
        self._bytes += data

    def _flush(self) -> None:
        """Decode the bytes that have come; signs of several bytes come byte by byte."""
        if self._bytes:
            data = bytes(self._bytes)
            self._bytes.clear()
            try:
                text = data.decode(self._state.codec or self._default, errors="replace")
            except LookupError:
                text = data.decode("cp1252", errors="replace")
            self._put(text)
        self._to_skip = 0

    def _put(self, text: str) -> None:
        state = self._state
        if state.kind in ("silent", "fonts", "styles"):
            return
        if state.hidden or state.deleted:
            self._counts["deleted" if state.deleted else "hidden"] += bool(text.strip())
            return
        self._buffers[-1].append(text)

    def _end_paragraph(self) -> None:
        if self._state.kind in ("silent", "fonts", "styles"):
            return
        if len(self._buffers) > 1:
            self._buffers[-1].append("\n")
            return
        if self._in_table:
            self._buffers[0].append("\n")
            return
        text = _joined(self._buffers[0])
        self._buffers[0].clear()
        label, self._label = self._label, ""
        self._end_table()
        if not text.strip():
            return
        self._paragraphs += 1
        name = self._styles.get(self._style, "")
        outline = self._outline
        if outline is None and name.startswith("heading ") and name[8:].isdigit():
            outline = int(name[8:]) - 1
        anchor = f"paragraph {self._paragraphs}"
        if name == "title" or (outline is not None and outline < 9):
            self._writer.text("heading", text, level=(outline or 0) + 1, label=label, anchor=anchor)
        elif label:
            bullet = not any(sign.isalnum() for sign in label)
            self._writer.text("list_item", text, level=0, label="" if bullet else label, anchor=anchor)
        else:
            self._writer.text("paragraph", text, anchor=anchor)

    def _end_table(self) -> None:
        if self._row.cells:  # a row that was cut off
            self._rows.append(self._row)
            self._row = _Row()
        rows, self._rows = self._rows, []
        if not rows:
            return
        self._tables += 1
        name = f"table {self._tables}"
        cells: list[FlowCell] = []
        above: dict[int, int] = {}  # column -> index of the cell that may go on downwards
        for number, row in enumerate(rows):
            for column, text in enumerate(row.cells):
                mark = row.merges[column] if column < len(row.merges) else ""
                if mark == "h" and cells and cells[-1].row == number and not text.strip():
                    cells[-1] = cells[-1]._replace(column_span=cells[-1].column_span + 1)
                    continue
                if mark == "v" and column in above and not text.strip():
                    top = above[column]
                    cells[top] = cells[top]._replace(row_span=number - cells[top].row + 1)
                    continue
                above[column] = len(cells)
                anchor = f"{name} R{number + 1}C{column + 1}"
                cells.append(FlowCell(number, column, text, header=row.header, anchor=anchor))
        self._writer.table(cells, anchor=name)


def _joined(parts: list[str]) -> str:
    r"""Join what was written; `\u` gives signs beyond the first plane in two halves."""
    text = "".join(parts)
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
