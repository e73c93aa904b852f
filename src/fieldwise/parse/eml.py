"""EML (RFC 5322 with MIME) by the standard library. Runs in the reading process only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage, Message

from .detect import Detected
from .hypertext import decode_html
from .mail import MAIL, Attachment, Mail, mail_pages
from .readers import Item, Job

_FIELDS = ("From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Date", "Subject")


def read_eml(job: Job) -> Iterator[Item]:
    """Yield media type, the mail's page, the pages of its attachments, and issues. Raises ParseError."""
    message = message_from_bytes(job.data, policy=policy.default)
    yield "message/rfc822", None
    yield from mail_pages(_mail(message), job)


def _mail(message: EmailMessage) -> Mail:
    mail = Mail()
    for name in _FIELDS:
        for value in _headers(message, name):
            mail.fields.append((name, value))
    references: list[str] = []
    _part(message, mail, references, top=True)
    if mail.html is not None:
        referenced = mail.html
        mail.attachments = [
            attachment._replace(shown=bool(content_id) and f"cid:{content_id}" in referenced)
            for attachment, content_id in zip(mail.attachments, references, strict=True)
        ]
    return mail


def _headers(message: Message, name: str) -> list[str]:
    try:
        return [" ".join(str(value).split()) for value in message.get_all(name, [])]
    except (ValueError, TypeError, AttributeError, IndexError, LookupError):
        # The library's parser of structured headers fails on some that mailers do send.
        wanted = name.lower()
        return [" ".join(str(value).split()) for key, value in message.raw_items() if key.lower() == wanted]


def _part(part: Message, mail: Mail, references: list[str], *, top: bool = False) -> None:
    """Sort a part, and those in it, into body and attachments."""
    kind = part.get_content_type()
    if kind == "message/rfc822" or (kind.startswith("message/") and part.is_multipart() and not top):
        inner = part.get_payload(0) if part.is_multipart() else None
        if isinstance(inner, Message):
            subject = next(iter(_headers(inner, "Subject")), "")
            name = part.get_filename() or (f"{subject}.eml" if subject else "message.eml")
            mail.attachments.append(Attachment(name, inner.as_bytes(), MAIL))
            references.append("")
            return
    if part.is_multipart():
        for inner in part.get_payload():
            if isinstance(inner, Message):
                _part(inner, mail, references)
        return
    data = _data(part, mail)
    attached = part.get_content_disposition() == "attachment" or part.get_filename() is not None
    if not attached and kind == "text/html":
        mail.html = (mail.html or "") + decode_html(data, part.get_content_charset())
    elif not attached and kind == "text/plain":
        text = decode_html(data, part.get_content_charset())
        mail.plain = f"{mail.plain}\n\n{text}" if mail.plain else text
    else:
        name = part.get_filename() or f"{kind.replace('/', '.')}"
        mail.attachments.append(Attachment(re.sub(r"\s+", " ", name), data, _known(kind, data)))
        references.append((part.get("Content-ID") or "").strip("<> "))


def _known(kind: str, data: bytes) -> Detected | None:
    """Content tells what an attachment is; but a mail with few headers looks like any text."""
    return MAIL if kind == "message/rfc822" and data else None


def _data(part: Message, mail: Mail) -> bytes:
    try:
        data = part.get_payload(decode=True)
    except (ValueError, LookupError, AssertionError):
        data = None
    if isinstance(data, bytes):
        return data
    mail.issues.append(f"A part of the mail ({part.get_content_type()}) could not be decoded.")
    text = part.get_payload()
    return text.encode("utf-8", "surrogateescape") if isinstance(text, str) else b""
