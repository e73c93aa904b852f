"""URLs as they may be shown: without the password in them."""

from __future__ import annotations

import re

_PASSWORD = re.compile(r"(?P<before>\w[\w+.-]*://[^/@:\s]*:)[^@\s]*(?=@)")
_QUERY = re.compile(r"(?i)(?P<before>[?&](?:password|token|key|api_key|secret)=)[^&\s]*")


def without_password(url: str) -> str:
    """Return `url` with `***` for a password or a key in it."""
    return _QUERY.sub(r"\g<before>***", _PASSWORD.sub(r"\g<before>***", url))
