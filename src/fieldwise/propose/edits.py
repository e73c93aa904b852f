"""Edits: typed changes to a schema, applied by code, so that what nobody mentioned stays byte-identical."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, field_validator, model_validator

from fieldwise.model import Frozen

from .fields import OTHER_WORDS, FieldType, ProposedField


class _Edit(Frozen, extra="ignore"):
    """`field` names a field: by path (`/items/*/amount`), dotted (`items.amount`), or by a name that only it has."""


class Add(ProposedField):
    """Add a field, last among its siblings. `into` names the object (or list of objects) it goes into, "" the root."""

    op: Literal["add"] = "add"
    into: str = ""


class Remove(_Edit):
    op: Literal["remove"] = "remove"
    field: str


class Rename(_Edit):
    """Rename a field where it stands; `name` is the new name alone, not a path."""

    op: Literal["rename"] = "rename"
    field: str
    name: str = Field(min_length=1)


class Retype(_Edit):
    """Change a field's type; its description stays. `columns` are needed where objects come out of what was none."""

    op: Literal["retype"] = "retype"
    field: str
    type: FieldType
    columns: tuple[ProposedField, ...] = ()

    @field_validator("type", mode="before")
    @classmethod
    def _other_words(cls, value: Any) -> Any:
        kind = str(value).strip().casefold().replace("_", " ")
        return OTHER_WORDS.get(kind, kind)


class Require(_Edit):
    op: Literal["require"] = "require"
    field: str


class MakeOptional(_Edit):
    op: Literal["make_optional"] = "make_optional"
    field: str


class Describe(_Edit):
    op: Literal["describe"] = "describe"
    field: str
    description: str = Field(min_length=1)


class Enum(_Edit):
    """Limit a field to `values`; none frees it."""

    op: Literal["enum"] = "enum"
    field: str
    values: tuple[str, ...] = ()

    @field_validator("values", mode="before")
    @classmethod
    def _texts(cls, value: Any) -> Any:
        return tuple(str(item) for item in value) if isinstance(value, list | tuple) else value


class Nest(_Edit):
    """Put sibling fields into an object called `name`, which is made where there is none."""

    op: Literal["nest"] = "nest"
    fields: tuple[str, ...] = Field(min_length=1)
    name: str = Field(min_length=1)
    description: str = ""


class Flatten(_Edit):
    """Dissolve an object: its fields take its place, with its name in front of theirs (`seller_name`)."""

    op: Literal["flatten"] = "flatten"
    field: str


class Split(_Edit):
    """Replace a field by `parts` in its place; a list of texts becomes a list of objects with these columns."""

    op: Literal["split"] = "split"
    field: str
    parts: tuple[ProposedField, ...] = Field(min_length=1)


class Move(_Edit):
    """Move a field into another object, "" for the root."""

    op: Literal["move"] = "move"
    field: str
    into: str = ""


class Reorder(_Edit):
    """Put a field elsewhere among its siblings; `other` is the sibling that `before` and `after` refer to."""

    op: Literal["reorder"] = "reorder"
    field: str
    place: Literal["first", "last", "before", "after"] = "last"
    other: str = ""

    @model_validator(mode="after")
    def _names_the_other(self) -> Reorder:
        if self.place in ("before", "after") and not self.other:
            raise ValueError(f"`other` must name the field that {self.field} goes {self.place}")
        return self


class Impossible(_Edit):
    """A point of the request that no edit can express."""

    op: Literal["impossible"] = "impossible"
    reason: str = ""


Edit = Annotated[
    Add
    | Remove
    | Rename
    | Retype
    | Require
    | MakeOptional
    | Describe
    | Enum
    | Nest
    | Flatten
    | Split
    | Move
    | Reorder
    | Impossible,
    Field(discriminator="op"),
]

EDITS: TypeAdapter[tuple[Edit, ...]] = TypeAdapter(tuple[Edit, ...])
