"""HTML as blocks: what a browser shows without scripts, by the standard library's tokenizer. No tree, so no depth.

Unclosed and misplaced tags are taken as browsers take them: a block begins where the next one is opened. Tables that
only lay out a page (they hold tables, or a single cell) are dissolved into what they hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from fieldwise.model.document import BlockKind

from .flow import Budget, FlowCell, FlowWriter
from .numbering import written
from .readers import Item, Job

_BLOCK_TAGS = (
    "address article aside blockquote body center dd details dialog dir div dl dt fieldset figure footer form frameset "
    "header hgroup hr html legend li main menu nav ol optgroup p pre section summary title ul figcaption caption "
    "h1 h2 h3 h4 h5 h6"
)
_BLOCKS = frozenset(_BLOCK_TAGS.split())
_UNSEEN = frozenset(("script", "style", "template"))
_LISTS = ("ul", "ol", "menu", "dir")
_FORMS = {"a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}
_BOXES = {True: "☒", False: "☐"}
_TYPED_INPUTS = (
    "",
    "text",
    "email",
    "tel",
    "url",
    "number",
    "date",
    "time",
    "datetime-local",
    "month",
    "week",
    "search",
)
_META_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_XML_CHARSET = re.compile(rb"<\?xml[^>]+encoding\s*=\s*[\"']([\w.:-]+)", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\r\n\f]+")
_MOST_SPANNED = 1000


def read_html(job: Job) -> Iterator[Item]:
    """Yield media type, the one page, and issues."""
    yield "text/html", 1
    budget = Budget()
    writer = FlowWriter(1, budget=budget)
    write_html(writer, decode_html(job.data))
    yield writer.page()
    yield from budget.issues


def write_html(writer: FlowWriter, text: str, *, anchor: str = "") -> None:
    """Write the blocks of a page; anchors begin with `anchor` (`message`)."""
    reader = _HtmlReader(writer, anchor)
    reader.feed(text)
    reader.close()
    reader.end()


def decode_html(data: bytes, charset: str | None = None) -> str:
    """Decode as browsers do: byte order mark, what the transport says, what the page says, UTF-8, Windows-1252."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    named = _META_CHARSET.search(data[:4096]) or _XML_CHARSET.match(data[:200])
    candidates = [charset, named[1].decode("ascii") if named else None, "utf-8-sig", "cp1252"]
    for name in candidates:
        if name is None:
            continue
        name = {"iso-8859-1": "cp1252", "us-ascii": "utf-8-sig", "utf-8": "utf-8-sig"}.get(name.lower(), name)
        try:
            return data.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
    return data.decode("cp1252", errors="replace")


class _Table:
    """A table that is being gathered; `layout` once it turned out to hold other blocks than cells of text."""

    def __init__(self) -> None:
        self.cells: list[FlowCell] = []
        self.row = -1
        self.column = 0
        self.taken: dict[int, int] = {}  # column -> rows that a cell from above still covers
        self.headings: dict[int, bool] = {}
        self.in_head = False
        self.cell: tuple[str, int, int] | None = None
        self.layout = False

    def next_row(self) -> None:
        self.row += 1
        self.column = 0
        self.taken = {column: rows - 1 for column, rows in self.taken.items() if rows > 1}

    def add(self, text: str, anchor: str) -> None:
        if self.cell is None:
            return
        if self.row < 0:
            self.next_row()
        tag, wide, tall = self.cell
        self.cell = None
        while self.column in self.taken:
            self.column += 1
        for column in range(self.column, self.column + wide) if tall > 1 else ():
            self.taken[column] = tall
        self.headings[self.row] = self.headings.get(self.row, True) and (tag == "th" or self.in_head)
        address = f"{anchor} R{self.row + 1}C{self.column + 1}"
        self.cells.append(FlowCell(self.row, self.column, text, tall, wide, False, address))
        self.column += wide

    @property
    def tabular(self) -> bool:
        filled = [cell for cell in self.cells if cell.text.strip()]
        return len({cell.column for cell in filled}) > 1 and len(filled) > 2


class _HtmlReader(HTMLParser):
    def __init__(self, writer: FlowWriter, anchor: str) -> None:
        super().__init__(convert_charrefs=True)
        self._writer, self._prefix = writer, f"{anchor} " if anchor else ""
        self._texts: list[str] = []
        self._unseen = 0
        self._pre = 0
        self._blocks = self._table_count = 0
        self._kind: BlockKind = "paragraph"
        self._level: int | None = None
        self._label = ""
        self._lists: list[list[str | int]] = []  # [tag, number, format]
        self._tables: list[_Table] = []
        self._margins: list[BlockKind] = []
        self._sections = 0
        self._options: list[tuple[bool, str]] | None = None
        self._option_at = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN:
            self._unseen += 1
            return
        its = {name: value or "" for name, value in attrs}
        if tag == "br":
            self._texts.append("\n")
        elif tag in ("table", "thead", "tbody", "tfoot", "tr", "td", "th"):
            self._start_table_part(tag, its)
        elif tag in _BLOCKS:
            self._start_block(tag, its)
        elif tag == "input":
            self._input(its)
        elif tag == "select":
            self._options = []
        elif tag == "option" and self._options is not None:
            self._keep_option()
            self._options.append(("selected" in its, ""))
            self._option_at = len(self._texts)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag in _UNSEEN or tag in ("td", "th", "table", "li", "p", "div", "pre"):
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        elif tag == "select":
            self._end_select()
        elif tag in ("table", "tr", "td", "th", "thead", "tbody", "tfoot"):
            self._end_table_part(tag)
        elif tag in _BLOCKS:
            if tag == "pre":
                self._flush_block()
                self._pre = max(0, self._pre - 1)
                return
            self._flush_block()
            if tag in _LISTS and self._lists:
                self._lists.pop()
            elif tag in ("header", "footer") and self._margins:
                self._margins.pop()
            elif tag in ("article", "section", "main"):
                self._sections = max(0, self._sections - 1)

    def handle_data(self, data: str) -> None:
        if self._unseen:
            return
        self._texts.append(data if self._pre else _SPACE.sub(" ", data))

    def end(self) -> None:
        """Write what is still open at the end of the page."""
        while self._tables:
            self._end_table_part("table")
        self._flush_block()

    def _start_block(self, tag: str, its: dict[str, str]) -> None:
        if self._open_cell is not None and tag in ("h1", "h2"):
            self._dissolve()
        self._flush_block()
        if tag == "li":
            self._kind, self._level, self._label = "list_item", max(0, len(self._lists) - 1), self._item_label(its)
            if self._open_cell is not None and self._label:
                self._texts.append(f"{self._label} ")  # in a cell, a number is a part of its line
        elif tag in _LISTS:
            start = its.get("start", "1")
            first = int(start) if re.fullmatch(r"-?\d{1,9}", start) else 1
            self._lists.append([tag, first, its.get("type", "1")])
        elif re.fullmatch("h[1-6]", tag):
            self._kind, self._level = "heading", int(tag[1])
        elif tag == "pre":
            self._kind = "code"
            self._pre += 1
        elif tag in ("caption", "figcaption"):
            self._kind = "caption"
        elif tag == "title":
            self._kind = "header"
        elif tag in ("header", "footer"):
            # Within an article, they are parts of its text.
            self._margins.append("paragraph" if self._sections else "header" if tag == "header" else "footer")
        elif tag in ("article", "section", "main"):
            self._sections += 1

    def _item_label(self, its: dict[str, str]) -> str:
        if not self._lists or self._lists[-1][0] != "ol":
            return ""
        current = self._lists[-1]
        value = its.get("value", "")
        number = int(value) if re.fullmatch(r"-?\d{1,9}", value) else int(current[1])
        current[1] = number + 1
        return f"{written(number, _FORMS.get(str(current[2]), 'decimal'))}."

    @property
    def _open_cell(self) -> _Table | None:
        """The table whose cell is being read, if text now goes into a cell."""
        table = self._tables[-1] if self._tables else None
        return table if table is not None and not table.layout and table.cell is not None else None

    def _flush_block(self) -> None:
        """End the block; within a cell, only a line."""
        if self._options is not None:
            return
        if self._open_cell is not None and self._kind != "caption":
            if self._texts and not self._texts[-1].endswith("\n"):
                self._texts.append("\n")
            self._kind, self._level, self._label = "paragraph", None, ""
            return
        text = "".join(self._texts)
        if not text.strip() and self._kind == "list_item":
            return  # `<li><p>`: the text is still to come
        self._texts.clear()
        kind, level, label = self._kind, self._level, self._label
        self._kind, self._level, self._label = ("paragraph", None, "") if not self._pre else ("code", None, "")
        if not text.strip():
            return
        if kind == "paragraph" and self._margins:
            kind = self._margins[-1]
        self._blocks += 1
        self._writer.text(kind, text, level=level, label=label, anchor=f"{self._prefix}paragraph {self._blocks}")

    def _start_table_part(self, tag: str, its: dict[str, str]) -> None:
        if tag == "table":
            if self._open_cell is not None:
                self._dissolve()
            self._flush_block()
            self._tables.append(_Table())
            return
        table = self._tables[-1] if self._tables else None
        if table is None or table.layout:
            self._flush_block()
            return
        self._end_cell()
        if tag == "tr":
            table.next_row()
        elif tag in ("td", "th"):
            self._flush_block()
            table.cell = (tag, _span(its.get("colspan")), _span(its.get("rowspan")))
        else:
            table.in_head = tag == "thead"

    def _end_table_part(self, tag: str) -> None:
        table = self._tables[-1] if self._tables else None
        if table is None or table.layout:
            self._flush_block()
            if tag == "table" and self._tables:
                self._tables.pop()
            return
        self._end_cell()
        if tag == "thead":
            table.in_head = False
        elif tag == "table":
            self._flush_block()
            self._tables.pop()
            self._write_table(table)

    def _end_cell(self) -> None:
        table = self._open_cell
        if table is not None:
            text = "".join(self._texts)
            self._texts.clear()
            self._kind, self._level, self._label = "paragraph", None, ""
            table.add(text, f"{self._prefix}table {self._table_count + 1}")

    def _dissolve(self) -> None:
        """The innermost table holds more than cells of text: write what it held so far, and let the rest flow."""
        table = self._tables[-1]
        text = "".join(self._texts)
        self._texts.clear()
        table.layout = True
        self._write_table(table)
        self._texts.append(text)
        self._flush_block()

    def _write_table(self, table: _Table) -> None:
        if table.tabular:
            self._table_count += 1
            headings = {row for row, all_named in table.headings.items() if all_named}
            cells = [cell._replace(header=cell.row in headings) for cell in table.cells]
            self._writer.table(cells, anchor=f"{self._prefix}table {self._table_count}")
            return
        for row in sorted({cell.row for cell in table.cells}):
            self._blocks += 1
            texts = [cell.text.strip() for cell in table.cells if cell.row == row and cell.text.strip()]
            text = " ".join(texts) if all("\n" not in text for text in texts) else "\n".join(texts)
            self._writer.text("paragraph", text, anchor=f"{self._prefix}paragraph {self._blocks}")

    def _input(self, its: dict[str, str]) -> None:
        kind = its.get("type", "").lower()
        if kind in ("checkbox", "radio"):
            self._texts.append(f" {_BOXES['checked' in its]} ")
        elif kind in _TYPED_INPUTS and its.get("value"):
            self._texts.append(f" {its['value']} ")

    def _keep_option(self) -> None:
        if self._options:
            chosen, _ = self._options[-1]
            self._options[-1] = (chosen, "".join(self._texts[self._option_at :]))
            del self._texts[self._option_at :]

    def _end_select(self) -> None:
        """Keep the option that is shown: the selected one, else the first."""
        self._keep_option()
        options, self._options = self._options or [], None
        shown = next((text for chosen, text in options if chosen), options[0][1] if options else "")
        self._texts.append(f" {shown.strip()} ")


def _span(text: str | None) -> int:
    return max(1, min(int(text), _MOST_SPANNED)) if text and text.strip().isdecimal() and len(text) < 7 else 1
