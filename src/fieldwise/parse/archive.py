"""Zip containers, read member by member in memory: nothing is extracted to disk, and what inflates is counted.

A name in a zip is only ever looked up in its own directory, so one that climbs (`../../etc/passwd`) reaches nothing.
"""

from __future__ import annotations

import io
import posixpath
import struct
import zipfile
import zlib
from functools import cached_property

from fieldwise.errors import DamagedDocument, EncryptedDocument, ParseLimit

_MAX_MEMBERS = 50_000
_CHUNK = 1024 * 1024
_ENCRYPTED = 0x1


class Archive:
    """The members of one zip. Reading them takes from one allowance of inflated bytes."""

    def __init__(self, data: bytes, *, path: str, max_inflated: int) -> None:
        """Read the directory. Raises DamagedDocument, or ParseLimit for too many members."""
        self._path, self._most, self._left = path, max_inflated, max_inflated
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, struct.error) as error:
            raise self._damaged(str(error)) from None
        if len(self._zip.infolist()) > _MAX_MEMBERS:
            raise ParseLimit(
                f"{path} holds {len(self._zip.infolist()):,} files; the limit is {_MAX_MEMBERS:,}.",
                next_step="Office documents hold a few hundred: open it in the program that made it, and save a copy.",
                path=path,
                limit="members",
            )

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(info.filename for info in self._zip.infolist())

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def read(self, name: str) -> bytes:
        """Return a member inflated. Raises DamagedDocument, EncryptedDocument, or ParseLimit beyond the allowance."""
        try:
            info = self._zip.getinfo(name)
        except KeyError:
            raise self._damaged(f"it lacks its part {name}") from None
        if info.flag_bits & _ENCRYPTED:
            raise EncryptedDocument(
                f"{self._path} is encrypted and needs a password.",
                next_step="Open it in the program that made it, and save a copy without the password.",
                path=self._path,
            )
        # What the directory declares may be a lie, in both directions: so the bytes are counted as well.
        if info.file_size > self._left:
            raise self._bomb()
        parts = bytearray()
        try:
            with self._zip.open(info) as member:
                while chunk := member.read(_CHUNK):
                    parts += chunk
                    if len(parts) > self._left:
                        raise self._bomb()
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            OSError,
            NotImplementedError,
            ValueError,
            struct.error,
        ) as error:
            raise self._damaged(f"{name}: {str(error) or type(error).__name__}") from None
        self._left -= len(parts)
        return bytes(parts)

    def read_if(self, name: str) -> bytes | None:
        return self.read(name) if name in self.names else None

    def _bomb(self) -> ParseLimit:
        return ParseLimit(
            f"{self._path} inflates to more than {self._most // 2**20:,} MB.",
            next_step="A small file that does so is damaged or malicious; open it in the program that made it, and "
            "save a copy, or divide it.",
            path=self._path,
            limit="inflated",
        )

    def _damaged(self, reason: str) -> DamagedDocument:
        return DamagedDocument(
            f"{self._path} is damaged or cut off: {reason}.",
            next_step="Download it again, or open it in the program that made it and save a copy.",
            path=self._path,
            reason=reason,
        )


def resolve(base: str, target: str) -> str:
    """Return the member that `target`, written in the part `base`, names: OOXML and EPUB links are relative."""
    if target.startswith("/"):
        return posixpath.normpath(target.lstrip("/"))
    return posixpath.normpath(posixpath.join(posixpath.dirname(base), target))
