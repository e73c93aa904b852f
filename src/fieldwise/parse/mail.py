"""A mail as pages: headers and body on the first one, then the pages of each attachment, read as the file that it is.

An attachment that cannot be read is no reason to lose the mail: it becomes an issue that names it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from fieldwise.errors import FieldwiseError, UnsupportedFormat
from fieldwise.model import Page, ParseIssue
from fieldwise.model.document import BlockKind

from .detect import Detected, detect
from .flow import Budget, FlowWriter
from .hypertext import write_html
from .readers import Item, Job, read
from .written import plain_pieces

# Mails in mails in mails: nobody reads deeper, and each level is held in memory.
MAX_DEPTH = 5
MAX_ATTACHMENTS = 500

MAIL = Detected("eml", "message/rfc822", "an e-mail (EML)")


class Attachment(NamedTuple):
    """A file, or a mail that was read with the one around it. `shown`: a picture within the text.

    `kind` is given where the mail says it better than the content would.
    """

    name: str
    data: bytes | None
    kind: Detected | None = None
    shown: bool = False
    mail: Mail | None = None


@dataclass
class Mail:
    """A mail as read from any format; `fields` are its headers in order, as printed."""

    fields: list[tuple[str, str]] = field(default_factory=list)
    html: str | None = None
    plain: str | None = None
    attachments: list[Attachment] = field(default_factory=list)
    issues: list[str] = field(default_factory=list)


def mail_pages(mail: Mail, job: Job) -> Iterator[Item]:
    """Yield the page of the mail, the pages of its attachments, and issues; pages count on."""
    budget = Budget()
    writer = FlowWriter(1, anchor="message", budget=budget)
    for name, value in mail.fields:
        kind: BlockKind = "heading" if name == "Subject" else "paragraph"
        writer.text(kind, value, label=f"{name}:", anchor=f"header {name}")
    _write_body(writer, mail)
    for number, attachment in enumerate(mail.attachments, 1):
        writer.text("list_item", attachment.name, label=f"Attachment {number}:", anchor=f"attachment {number}")
    yield writer.page()
    yield from (ParseIssue(code="mail_damaged", message=message, page=1) for message in mail.issues)
    yield from budget.issues
    pages = 1
    for number, attachment in enumerate(mail.attachments, 1):
        if number > MAX_ATTACHMENTS:
            yield _unread(f"attachments {number:,} to {len(mail.attachments):,}", f"more than {MAX_ATTACHMENTS}")
            break
        for item in _attachment(attachment, number, job, pages):
            yield item
            pages += isinstance(item, Page)


def _write_body(writer: FlowWriter, mail: Mail) -> None:
    """Write the richer form of the body; the plain one too where it says what the other does not."""
    plain = mail.plain or ""
    if mail.html is not None:
        write_html(writer, mail.html, anchor="message")
        shown = set("".join(_letters(writer.page().markdown)).split())
        said = set("".join(_letters(plain)).split())
        if len(said - shown) <= 0.2 * len(said):
            return
    for number, piece in enumerate(plain_pieces(plain), 1):
        writer.text("paragraph", plain[piece.start : piece.end], anchor=f"message paragraph {number}")


def _letters(text: str) -> Iterator[str]:
    return (sign if sign.isalnum() else " " for sign in text.lower())


def _attachment(attachment: Attachment, number: int, job: Job, before: int) -> Iterator[Item]:
    """Yield the pages and issues of one attachment, counted on from the pages before it."""
    what = f'attachment {number} "{attachment.name}"'
    if attachment.shown:
        yield ParseIssue(
            code="pictures_not_read",
            lost=False,
            message=f"{_capital(what)} is a picture within the text; it was not read.",
        )
        return
    data = attachment.data or b""
    if (reason := _reason_not_to_read(attachment, job, before)) is not None:
        yield _unread(what, reason)
        return
    inner = job._replace(
        data=data,
        found=attachment.kind or detect(data),
        path="it",  # errors become issues, which name the attachment
        max_pages=job.max_pages - before,
        depth=job.depth + 1,
    )
    try:
        for item in mail_pages(attachment.mail, inner) if attachment.mail is not None else read(inner):
            if isinstance(item, Page):
                yield _moved(item, before, what)
            elif isinstance(item, ParseIssue):
                page = item.page + before if item.page is not None else None
                yield item.model_copy(update={"page": page, "message": f"{_capital(what)}: {item.message}"})
    except FieldwiseError as error:
        # What else could be read is no advice for an attachment.
        yield _unread(what, error.message if isinstance(error, UnsupportedFormat) else str(error))


def _reason_not_to_read(attachment: Attachment, job: Job, before: int) -> str | None:
    if attachment.mail is None and attachment.data is None:
        return "the mail does not hold it"
    if attachment.mail is None and not (attachment.data or b"").strip():
        return "it is empty"
    if job.depth + 1 > MAX_DEPTH:
        return f"it is nested more than {MAX_DEPTH} mails deep"
    if before >= job.max_pages:
        return f"the mail with its attachments has more than {job.max_pages:,} pages (setting max_pages)"
    return None


def _moved(page: Page, before: int, what: str) -> Page:
    """Return a page of an attachment as a page of the mail."""
    tables = tuple(
        table.model_copy(update={"continues": (table.continues[0] + before, table.continues[1])})
        if table.continues is not None
        else table
        for table in page.tables
    )
    place = page.anchor or f"page {page.number}"
    return page.model_copy(update={"number": page.number + before, "tables": tables, "anchor": f"{what}, {place}"})


def _unread(what: str, why: str) -> ParseIssue:
    return ParseIssue(code="attachment_not_read", message=f"{_capital(what)} was not read: {why.rstrip('.')}.")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
