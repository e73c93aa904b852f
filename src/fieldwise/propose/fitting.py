"""The type that fits a field: small models call codes numbers, and years amounts."""

from __future__ import annotations

import re

from .fields import FieldType
from .naming import words_of

_CODE_WORDS = frozenset(
    ("number", "no", "nr", "num", "id", "ids", "code", "codes", "identifier", "reference", "ref", "iban", "bic",
     "swift", "phone", "telephone", "fax", "mobile", "zip", "postcode", "gstin", "vat", "isbn", "doi", "sku", "ean",
     "serial", "nummer", "kennung", "telefon", "plz", "numero", "numéro", "número", "telefono", "teléfono", "téléphone")
)  # fmt: skip
_COUNTING = ("number_of", "no_of", "num_", "count", "anzahl", "nombre_de", "numero_de", "número_de")
_YEARS = frozenset(("year", "years", "jahr", "année", "año", "ano", "anno"))


def fitting_type(kind: FieldType, name: str, example: str) -> FieldType:
    """Return `kind`, or the type that a field of this name must have.

    A code (`invoice_number`, `phone`) is text even where all of it is digits: leading zeros count. A year is an
    integer, and no date. What the document shows as text cannot be a number.
    """
    tokens = words_of(name)
    if not tokens:
        return kind
    last = tokens[-1]
    if kind in ("integer", "number"):
        is_code = last in _CODE_WORDS or any(last.endswith(w) for w in ("nummer", "kennung"))
        if is_code and not "_".join(tokens).startswith(_COUNTING):
            return "string"
        if kind == "number" and last in _YEARS:
            return "integer"
        if example and not re.search(r"\d", example):
            return "string"
    if kind == "date" and re.fullmatch(r"\s*(?:1[5-9]|20|21)\d\d\s*", example):
        return "integer" if _YEARS & set(tokens) else "string"
    return kind
