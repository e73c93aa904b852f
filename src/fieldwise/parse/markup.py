"""XML of untrusted files, by the standard library's expat: no entities, no external files."""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Iterator
from typing import Final
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.parsers import expat

from fieldwise.errors import DamagedDocument, ParseError

from .archive import Archive, resolve

REL: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_STRICT: Final = "{http://purl.oclc.org/ooxml/officeDocument/relationships}"
_MC: Final = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_RELATIONSHIP: Final = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"


class _PrologRead(Exception):
    """The root element has begun: after it, no entity can be declared."""


def parse_xml(data: bytes, *, path: str, part: str = "") -> Element:
    """Return the root. Raises ParseError for declared entities, DamagedDocument for what is not well-formed."""
    refuse_entities(data, path)
    try:
        return ElementTree.fromstring(data)  # noqa: S314  # what is dangerous was refused above
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise DamagedDocument(
            f"{path} is damaged: {part or 'its XML'} cannot be read ({error}).",
            next_step="Open it in the program that made it, and save a copy.",
            path=path,
            reason=str(error),
        ) from None


def refuse_entities(data: bytes, path: str) -> None:
    """Raise ParseError for declared entities: no office program writes them; they explode, or read other files."""

    def refuse(*_: object) -> int:
        raise ParseError(
            f"{path} declares XML entities, which no office program does: it was not read.",
            next_step="It is malicious or hand-made: open it in the program it is for, and save a copy.",
            path=path,
        )

    def done(*_: object) -> None:
        raise _PrologRead

    parser = expat.ParserCreate()
    parser.EntityDeclHandler = refuse
    parser.ExternalEntityRefHandler = refuse
    parser.StartElementHandler = done
    with contextlib.suppress(_PrologRead, expat.ExpatError, ValueError, LookupError):
        parser.Parse(data, True)


def local(tag: str) -> str:
    """Return `{namespace}name` as `name`: strict and transitional files differ in namespaces only."""
    return tag.rpartition("}")[2]


def attribute(element: Element, name: str) -> str | None:
    """Return an attribute by its name without namespace."""
    value = element.get(name)
    if value is not None:
        return value
    return next((v for key, v in element.attrib.items() if local(key) == name), None)


def child(element: Element | None, *names: str) -> Element | None:
    """Return the first descendant along these names, each a child of the one before."""
    for name in names:
        if element is None:
            return None
        element = next((found for found in element if local(found.tag) == name), None)
    return element


def children(element: Element | None, name: str) -> Iterator[Element]:
    return (found for found in element if local(found.tag) == name) if element is not None else iter(())


def descendants(element: Element, name: str) -> Iterator[Element]:
    return (found for found in element.iter() if local(found.tag) == name)


def chosen(element: Element) -> Iterator[Element]:
    """Yield the children; of alternatives (mc:AlternateContent), those of the first: the rest says it again."""
    for found in element:
        if found.tag == _MC + "AlternateContent":
            choice = next((c for c in found if local(c.tag) in ("Choice", "Fallback")), None)
            if choice is not None:
                yield from chosen(choice)
        elif isinstance(found.tag, str):
            yield found


class Package:
    """An Office Open XML package: parts, and the relationships between them."""

    def __init__(self, archive: Archive, path: str) -> None:
        self.archive, self.path = archive, path

    def part(self, name: str) -> Element:
        return parse_xml(self.archive.read(name), path=self.path, part=name)

    def part_if(self, name: str) -> Element | None:
        return self.part(name) if name in self.archive else None

    def relations(self, part: str) -> dict[str, tuple[str, str]]:
        """Return id -> (kind, target part) of a part's relations within the package; kinds end their URIs."""
        folder, name = posixpath.split(part)
        root = self.part_if(posixpath.join(folder, "_rels", f"{name}.rels"))
        found = {}
        for relation in root.iter(_RELATIONSHIP) if root is not None else ():
            kind = relation.get("Type", "").rpartition("/")[2]
            target = relation.get("Target", "")
            if relation.get("TargetMode") != "External":
                found[relation.get("Id", "")] = (kind, resolve(part, target))
        return found

    def main(self) -> str:
        """Return the part that the package is about. Raises DamagedDocument where it names none."""
        for kind, target in self.relations("").values():
            if kind == "officeDocument":
                return target
        raise DamagedDocument(
            f"{self.path} is damaged: it does not say which part is its document.",
            next_step="Open it in the program that made it, and save a copy.",
            path=self.path,
        )


def relation_id(element: Element) -> str | None:
    """Return the relationship (`r:id`, `r:embed`) that an element refers to."""
    for name in ("id", "embed"):
        value = element.get(REL + name) or element.get(_STRICT + name)
        if value is not None:
            return value
    return None
