"""How one field is compared: by its type, by what its name says, or as the schema declares.

`x-eval` in a field's schema declares it: `"exact"`, `"text"` or `"skip"`; `{"tolerance": 0.01}` for numbers;
`{"text": 0.9}` for free text with another threshold. The names that ContextualAI/extract-bench writes under
`evaluation_config` are read as well; its judgments by a model become comparisons of text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from fieldwise.errors import SchemaInvalid
from fieldwise.extract.shape import kind_of
from fieldwise.model import JsonSchema

RuleKind = Literal["code", "string", "text", "url", "number", "integer", "date", "date-time", "boolean", "enum", "any"]

TEXT_THRESHOLD = 0.8
"""Free text counts as found from this similarity on (1 - Levenshtein distance / length of the longer)."""

# What a name's last word says: such strings are compared to the letter.
_CODES = (
    "id ids code number no nr num iban bic swift sku isin ean gtin vin uuid guid doi ref reference key hash "
    "serial postcode zip plz"
)
_CODE_WORDS = frozenset(_CODES.split())
_CODE_FORMATS = frozenset(("uuid", "email", "idn-email", "hostname", "ipv4", "ipv6", "regex", "json-pointer"))
_URL_FORMATS = frozenset(("uri", "url", "iri", "uri-reference", "iri-reference"))


class Rule(NamedTuple):
    """`tolerance` is an absolute difference, or None for the rule of the kind; `threshold` belongs to free text."""

    kind: RuleKind
    tolerance: float | None = None
    threshold: float = TEXT_THRESHOLD

    @property
    def verbatim(self) -> bool:
        """Say whether such a value stands on the page as it is given, in some usual spelling."""
        return self.kind not in ("boolean", "enum", "text", "any")

    @property
    def is_text(self) -> bool:
        """Say whether ANLS* measures such values."""
        return self.kind in ("string", "text")


ANY = Rule("any")

_CONFIGURED: Mapping[str, RuleKind] = MappingProxyType(
    {
        "string_exact": "code",
        "string_case_insensitive": "enum",
        "string_fuzzy": "text",
        "string_semantic": "text",
        "string_llm": "text",
        "string_url": "url",
        "number_exact": "number",
        "number_tolerance": "number",
        "integer_exact": "integer",
        "boolean_exact": "boolean",
    }
)


def is_skipped(node: JsonSchema) -> bool:
    """Say whether the schema takes this field, and all below it, out of the score."""
    config = node.get("evaluation_config")
    if isinstance(config, dict):
        metrics = config.get("metrics")
        if isinstance(metrics, list) and not metrics:
            return True
    return config == "skip" or node.get("x-eval") == "skip"


def rule_of(name: str, node: JsonSchema) -> Rule:
    """Return the rule of a resolved scalar field. Raises SchemaInvalid for an `x-eval` that is not known."""
    declared = _declared(name, node)
    if declared is not None:
        return declared
    kind = kind_of(node)
    if kind in ("number", "integer", "boolean", "enum", "date", "date-time"):
        return Rule(kind)
    if kind == "text":
        form = node.get("format")
        if form in _URL_FORMATS:
            return Rule("url")
        if form in _CODE_FORMATS or "pattern" in node or _last_word(name) in _CODE_WORDS:
            return Rule("code")
        return Rule("string")
    return ANY


def _declared(name: str, node: JsonSchema) -> Rule | None:
    wish = node.get("x-eval")
    if wish is not None:
        return _from_x_eval(name, wish, node)
    config = node.get("evaluation_config")
    return _from_config(config, node) if config is not None else None


def _from_x_eval(name: str, wish: Any, node: JsonSchema) -> Rule | None:
    if wish == "exact":
        return _exact(node)
    if wish == "text":
        return Rule("text")
    if wish == "skip":
        return None
    if isinstance(wish, dict) and len(wish) == 1:
        key, value = next(iter(wish.items()))
        if key == "tolerance" and _is_number(value) and value >= 0:
            return Rule("number", tolerance=float(value))
        if key == "text" and _is_number(value) and 0 < value <= 1:
            return Rule("text", threshold=float(value))
        if key in ("exact", "text") and value is True:
            return _from_x_eval(name, key, node)
    raise SchemaInvalid(
        f"The field {name!r} has an x-eval that is not known: {wish!r}.",
        next_step='Use "exact", "text", "skip", {"tolerance": 0.01} or {"text": 0.9}.',
        findings=[{"pointer": name, "message": "unknown x-eval"}],
    )


def _exact(node: JsonSchema) -> Rule:
    kind = kind_of(node)
    if kind in ("number", "integer"):
        return Rule("number", tolerance=0.0)
    return Rule("code") if kind == "text" or kind == "enum" else Rule("any") if kind == "choice" else _plain(node)


def _plain(node: JsonSchema) -> Rule:
    return rule_of("", {key: value for key, value in node.items() if key not in ("x-eval", "evaluation_config")})


def _from_config(config: Any, node: JsonSchema) -> Rule | None:
    params: Any = {}
    if isinstance(config, dict):
        metrics = config.get("metrics")
        first = metrics[0] if isinstance(metrics, list) and metrics and isinstance(metrics[0], dict) else {}
        config, params = first.get("metric_id"), first.get("params") or {}
    kind = _CONFIGURED.get(config) if isinstance(config, str) else None
    if kind is None:
        return None
    if config == "string_exact" and node.get("format") in _URL_FORMATS:
        return Rule("url")
    if kind == "number":
        given = _number_in(params, "tolerance")
        exact = 0.0 if config == "number_exact" else None
        return Rule("number", tolerance=given if given is not None else exact)
    if kind == "text":
        if kind_of(node) in ("number", "integer", "boolean", "date", "date-time"):
            return _plain(node)
        given = _number_in(params, "threshold")
        return Rule("text", threshold=given if given is not None else TEXT_THRESHOLD)
    return Rule(kind)


def _number_in(params: Any, key: str) -> float | None:
    value = params.get(key) if isinstance(params, dict) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _last_word(name: str) -> str:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[\s_\-./#]+", " ", name).strip()
    return spaced.rsplit(" ", 1)[-1].lower() if spaced else ""
