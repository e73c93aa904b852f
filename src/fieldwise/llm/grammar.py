"""A JSON Schema made ready to constrain decoding: what the grammar cannot hold is left out and named, and what is
left only allows answers that the caller's schema allows too, as far as a grammar can tell.

Objects are closed and all their keys written, because a small model skips whatever it may skip: an optional field
becomes "its type, or null". `restore` takes those nulls out again, so that absent stays absent. The caller validates
the answer against its own schema; nothing here replaces that.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import unicodedata
from typing import Any, NamedTuple
from urllib.parse import unquote

from fieldwise.errors import ModelAnswerInvalid
from fieldwise.model import JsonSchema

log = logging.getLogger("fieldwise.llm")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ANNOTATIONS = _words(
    "title description default examples example $comment $schema $id $anchor $vocabulary $defs definitions "
    "deprecated readOnly writeOnly contentMediaType contentEncoding contentSchema discriminator"
)
_STRUCTURE = _words("type properties required additionalProperties items prefixItems enum const anyOf oneOf allOf $ref")
_OF_TYPE = {
    "object": _words("properties required additionalProperties patternProperties"),
    "array": _words("items prefixItems minItems maxItems"),
    "string": _words("pattern format"),
    "integer": _words("minimum maximum exclusiveMinimum exclusiveMaximum"),
    "number": _words("minimum maximum exclusiveMinimum exclusiveMaximum"),
    "boolean": frozenset(),
    "null": frozenset(),
}
_MAX_MERGES = 200
_GARBLED = re.compile(r"[^\x00-\x7f][0-9a-fA-F]")
_MARKS = re.compile(r"[\"\\\x00-\x1f]")
_DATE = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
# Fractions of a second are counted: where the grammar allows them without end, small models write zeros without end.
_TIME = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
_FORMATS = {
    "date": f"^{_DATE}$",
    "time": f"^{_TIME}$",
    "date-time": f"^{_DATE}T{_TIME}$",
    "uuid": "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$",
}


class Dialect(NamedTuple):
    """What one grammar engine enforces beyond the structure (types, properties, items, enum, anyOf, local $ref).

    `max_items` is the longest counted repetition: the grammar writes it out, item by item. `garbles` says that the
    engine mistakes a letter outside ASCII before a hexadecimal digit ("ße" becomes "\\xdfe"), and quotes in keys.
    """

    keywords: frozenset[str]
    max_items: int = 128
    garbles: bool = False


RANGES = _words("minimum maximum exclusiveMinimum exclusiveMaximum")
LENGTHS = _words("minItems maxItems")
PATTERNS = _words("pattern format")


class Lowered(NamedTuple):
    """`dropped` names the caller's keywords that the grammar does not enforce, sorted. `aliases` maps keys that the
    engine cannot write to the caller's (see `write_keys`)."""

    json_schema: JsonSchema
    dropped: tuple[str, ...]
    aliases: dict[str, str]


def lower(schema: JsonSchema, dialect: Dialect) -> Lowered:
    """Return the schema for the grammar. Never raises for a schema that is valid Draft 2020-12."""
    return _Lowering(schema, dialect).run()


def restore(data: Any, schema: JsonSchema) -> Any:
    """Take out the nulls that stand for an absent optional field, where the caller's schema has no null."""
    from jsonschema import Draft202012Validator  # heavy, and only the model's process needs it

    return _Restoring(schema, Draft202012Validator(schema)).walk(data, schema)


def require_constrained(text: str, lowered: Lowered) -> bool:
    """Say whether a whole answer keeps to the grammar. Raises ModelAnswerInvalid where it is not even JSON.

    Engines have let schemas through that they did not understand, and answered unconstrained without a word.
    """
    from jsonschema import Draft202012Validator

    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelAnswerInvalid(
            f"The model's answer came back unconstrained: it is not JSON ({error}).",
            next_step="Ask again, or try the other runtime (FIELDWISE_EMBEDDED_RUNTIME).",
            attempts=[{"answer": text, "error": str(error)}],
        ) from None
    broken = next(Draft202012Validator(lowered.json_schema).iter_errors(data), None)
    if broken is not None:
        log.warning("The grammar was not enforced at %s (%s).", broken.json_path, broken.validator)
    return broken is None


def write_keys(text: str, lowered: Lowered) -> str:
    """Put the caller's keys in the place of their aliases, also in an answer that was cut off."""
    for alias, key in lowered.aliases.items():
        text = text.replace(f'"{alias}"', json.dumps(key, ensure_ascii=False))
    return text


def resolve_ref(root: Any, ref: str) -> Any:
    """Return what a reference inside one schema points at, or None."""
    if ref == "#":
        return root
    if ref.startswith("#/"):
        found = root
        for part in ref[2:].split("/"):
            key = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and key.isdigit() and int(key) < len(found):
                found = found[int(key)]
            elif isinstance(found, dict) and key in found:
                found = found[key]
            else:
                return None
        return found
    return _find_anchor(root, ref[1:]) if ref.startswith("#") else None


def _find_anchor(node: Any, anchor: str) -> Any:
    if isinstance(node, dict):
        if node.get("$anchor") == anchor:
            return node
        return next((found for value in node.values() if (found := _find_anchor(value, anchor)) is not None), None)
    if isinstance(node, list):
        return next((found for value in node if (found := _find_anchor(value, anchor)) is not None), None)
    return None


class _Lowering:
    def __init__(self, root: JsonSchema, dialect: Dialect) -> None:
        self._root = root
        self._dialect = dialect
        self._dropped: set[str] = set()
        self._defs: dict[str, Any] = {}
        self._names: dict[str, str] = {}
        self._aliases: dict[str, str] = {}
        self._merges = 0

    def run(self) -> Lowered:
        lowered = self._node(self._root)
        if self._defs:
            lowered = {**lowered, "$defs": self._defs}
        return Lowered(lowered, tuple(sorted(self._dropped)), self._aliases)

    def _node(self, schema: Any) -> dict[str, Any]:
        if not isinstance(schema, dict):
            return {}  # true: anything. false is handled where it can stand: a property, the items of a list
        if "$ref" in schema or "allOf" in schema:
            return self._combined(schema)
        self._note_unknown(schema)
        if "const" in schema:
            return self._values([schema["const"]], "const")
        if "enum" in schema:
            return self._values(list(schema["enum"]), "enum")
        for word in ("anyOf", "oneOf"):
            if word in schema:
                return self._alternatives(schema, word)
        types = _types(schema)
        if not types:
            return {}
        nodes = [self._of_type(name, schema) for name in types]
        return nodes[0] if len(nodes) == 1 else {"anyOf": nodes}

    def _note_unknown(self, schema: JsonSchema) -> None:
        known = _ANNOTATIONS | _STRUCTURE | RANGES | LENGTHS | PATTERNS | {"patternProperties"}
        self._dropped.update(key for key in schema if key not in known)

    def _combined(self, schema: JsonSchema) -> dict[str, Any]:
        """Lower `$ref` and `allOf`, with whatever stands beside them: all of them must hold."""
        rest = {k: v for k, v in schema.items() if k not in ("$ref", "allOf")}
        constrains = {k for k in rest if k not in _ANNOTATIONS}
        if "$ref" in schema and not constrains and "allOf" not in schema:
            return self._reference(str(schema["$ref"]))
        parts = [rest] if constrains else []
        if "$ref" in schema:
            parts.insert(0, {"$ref": schema["$ref"]})
        parts.extend(part for part in schema.get("allOf", ()) if isinstance(part, dict))
        if len(parts) == 1:
            return self._node(parts[0])
        merged: JsonSchema = {}
        for part in parts:
            merged = self._merge(merged, self._open(part))
        return self._node(merged)

    def _open(self, part: JsonSchema) -> JsonSchema:
        """Follow references and nested allOf, so that two schemas can be laid over each other."""
        opened: JsonSchema = {}
        rest = dict(part)
        if "$ref" in rest:
            self._merges += 1
            target = resolve_ref(self._root, str(rest.pop("$ref")))
            if not isinstance(target, dict) or self._merges > _MAX_MERGES:
                self._dropped.add("$ref")
            else:
                opened = self._merge(opened, self._open(target))
        for inner in rest.pop("allOf", ()):
            if isinstance(inner, dict):
                opened = self._merge(opened, self._open(inner))
        return self._merge(opened, rest)

    def _merge(self, left: JsonSchema, right: JsonSchema) -> JsonSchema:
        merged = dict(left)
        for key, value in right.items():
            if key not in merged or merged[key] == value or key in _ANNOTATIONS:
                merged[key] = value
            elif key == "properties":
                both = {name: {"allOf": [merged[key][name], value[name]]} for name in value if name in merged[key]}
                merged[key] = {**merged[key], **value, **both}
            elif key == "required":
                merged[key] = [*merged[key], *(name for name in value if name not in merged[key])]
            elif key == "type":
                merged[key] = _common_types(merged[key], value) or merged[key]
            elif key == "enum":
                merged[key] = [item for item in merged[key] if item in value] or merged[key]
            elif key in ("minimum", "exclusiveMinimum", "minItems"):
                merged[key] = max(merged[key], value)
            elif key in ("maximum", "exclusiveMaximum", "maxItems"):
                merged[key] = min(merged[key], value)
            elif key in ("items", "additionalProperties") and isinstance(value, dict) and isinstance(merged[key], dict):
                merged[key] = {"allOf": [merged[key], value]}
            elif key == "additionalProperties":
                merged[key] = False if False in (merged[key], value) else value
            else:
                self._dropped.add("allOf")  # two patterns, two anyOf ...: the first is enforced
        return merged

    def _reference(self, ref: str) -> dict[str, Any]:
        if ref not in self._names:
            target = resolve_ref(self._root, ref)
            if target is None:
                self._dropped.add("$ref")
                return {}
            name = self._names[ref] = f"r{len(self._names)}"
            self._defs[name] = {}  # taken before it is filled: a schema may contain itself
            self._defs[name] = self._node(target)
        return {"$ref": f"#/$defs/{self._names[ref]}"}

    def _values(self, values: list[Any], word: str) -> dict[str, Any]:
        """Lower the values that are allowed; a string that the engine would garble is written as a pattern."""
        garbled = [v for v in values if self._dialect.garbles and _GARBLED.search(json.dumps(v, ensure_ascii=False))]
        if not garbled:
            return {"enum": values}
        if not all(isinstance(v, str) and not _MARKS.search(v) for v in garbled):
            self._dropped.add(word)
            return {"anyOf": [{"type": name} for name in dict.fromkeys(map(_type_of, values))]}
        pattern = "|".join(re.sub(r"([^\w\s])", r"\\\1", v) for v in garbled)
        rest = [v for v in values if v not in garbled]
        written = {"type": "string", "pattern": f"^({pattern})$"}
        return {"anyOf": [{"enum": rest}, written]} if rest else written

    def _key(self, name: str) -> str:
        if not self._dialect.garbles or not (_GARBLED.search(name) or _MARKS.search(name)):
            return name
        plain = unicodedata.normalize("NFKD", name.replace("ß", "ss")).encode("ascii", "ignore").decode()
        digest = hashlib.sha256(name.encode()).hexdigest()[:6]
        alias = f"{re.sub(r'[^A-Za-z0-9]+', '_', plain)}_{digest}"
        self._aliases[alias] = name
        return alias

    def _alternatives(self, schema: JsonSchema, word: str) -> dict[str, Any]:
        base = {k: v for k, v in schema.items() if k != word and k not in _ANNOTATIONS}
        branches = [branch for branch in schema[word] if branch is not False]
        if base:
            branches = [self._merge(base, self._open(b)) if isinstance(b, dict) else base for b in branches]
        nodes = [self._node(branch) for branch in branches]
        return nodes[0] if len(nodes) == 1 else {"anyOf": nodes}

    def _of_type(self, name: str, schema: JsonSchema) -> dict[str, Any]:
        if name == "object":
            return self._object(schema)
        if name == "array":
            return self._array(schema)
        node: dict[str, Any] = {"type": name}
        for key in sorted(_OF_TYPE[name] & schema.keys(), reverse=True):  # pattern before format: one of them fits
            value = schema[key]
            if key not in self._dialect.keywords:
                self._dropped.add(key)
            elif key in PATTERNS:
                pattern = _FORMATS.get(value) if key == "format" else portable_pattern(value)
                if pattern is None or "pattern" in node:
                    self._dropped.add(key)
                else:
                    node["pattern"] = pattern
            elif name == "integer" and float(value).is_integer():
                node[key] = int(value)
            else:
                self._dropped.add(key)  # no grammar counts fractions
        return node

    def _object(self, schema: JsonSchema) -> dict[str, Any]:
        required = [str(name) for name in schema.get("required", ())]
        given = schema.get("properties", {})
        properties: dict[str, Any] = {}
        for name, sub in given.items():
            if sub is False:
                continue
            node = self._node(sub)
            properties[self._key(name)] = node if name in required or self._admits_null(node) else _nullable(node)
        properties.update({self._key(name): {} for name in required if name not in given})
        more = schema.get("additionalProperties", True)
        if "patternProperties" in schema:
            self._dropped.add("patternProperties")
            values = [sub for sub in schema["patternProperties"].values() if isinstance(sub, dict)]
            more = {"anyOf": values} if values and not properties else more
        if isinstance(more, dict) and not properties:
            return {"type": "object", "additionalProperties": self._node(more)}
        if not properties:
            return {"type": "object", "additionalProperties": more is not False}
        return {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }

    def _array(self, schema: JsonSchema) -> dict[str, Any]:
        node: dict[str, Any] = {"type": "array"}
        if prefix := schema.get("prefixItems"):
            node["prefixItems"] = [self._node(item) for item in prefix]
            # The positions are written in full: an open tail after a tuple is where small models ramble.
            node["items"] = self._node(schema["items"]) if isinstance(schema.get("items"), dict) else False
            node["minItems"] = max(len(prefix), schema.get("minItems", 0))
            return node
        items = schema.get("items", True)
        if items is False:
            return {"type": "array", "items": {}, "maxItems": 0}
        node["items"] = self._node(items)
        for key in ("minItems", "maxItems"):
            if key in schema:
                # A counted repetition is written out by the grammar, item by item.
                if key in self._dialect.keywords and schema[key] <= self._dialect.max_items:
                    node[key] = schema[key]
                else:
                    self._dropped.add(key)
        return node

    def _admits_null(self, node: dict[str, Any], depth: int = 0) -> bool:
        if "$ref" in node:
            target = self._defs.get(node["$ref"].removeprefix("#/$defs/"), {})
            return depth < 20 and bool(target) and self._admits_null(target, depth + 1)
        if "anyOf" in node:
            return any(self._admits_null(branch, depth + 1) for branch in node["anyOf"])
        if "enum" in node:
            return None in node["enum"]
        if "const" in node:
            return node["const"] is None
        return bool(node.get("type", "null") == "null")


def _nullable(node: dict[str, Any]) -> dict[str, Any]:
    branches = node["anyOf"] if set(node) == {"anyOf"} else [node]
    return {"anyOf": [*branches, {"type": "null"}]}


def portable_pattern(pattern: str) -> str | None:
    """Return the pattern in the words that every engine reads alike, or None where it has none.

    Engines match the whole string, so the pattern must say `^...$` itself. They write what they match between quotes
    as it is, so nothing may match a quote or a backslash: no dot, no negated class.
    """
    if not (pattern.startswith("^") and pattern.endswith("$")):
        return None
    out, depth, in_class, i = [], 0, False, 1
    while i < len(pattern) - 1:
        char = pattern[i]
        if char == "\\":
            i += 1
            replaced = _escape(pattern[i], in_class) if i < len(pattern) - 1 else None
            if replaced is None:
                return None
            out.append(replaced)
        elif in_class:
            in_class = char != "]"
            if char in '"^':
                return None
            out.append(char)
        elif char == "[":
            in_class = True
            out.append(char)
        elif char in '"^$.' or pattern.startswith("(?", i) or (char == "|" and depth == 0):
            if not pattern.startswith("(?:", i):
                return None
            depth += 1
            out.append("(")
            i += 2
        else:
            depth += (char == "(") - (char == ")")
            out.append(char)
        i += 1
    return None if in_class or depth else f"^{''.join(out)}$"


def _escape(char: str, in_class: bool) -> str | None:
    if char in "dw":
        letters = "0-9" if char == "d" else "A-Za-z0-9_"
        return letters if in_class else f"[{letters}]"
    return f"\\{char}" if char in "-.+*?()[]{}|/^$" else None


def _type_of(value: Any) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "null")


def _types(schema: JsonSchema) -> list[str]:
    given = schema.get("type")
    if isinstance(given, str):
        return [given] if given in _OF_TYPE else []
    if isinstance(given, list):
        known = [name for name in given if name in _OF_TYPE]
        return [name for name in known if name != "integer" or "number" not in known]
    # No type is said: take it from the words that only one type has.
    return next(([name] for name in ("object", "array", "string") if _OF_TYPE[name] & schema.keys()), [])


def _common_types(left: Any, right: Any) -> list[str]:
    lefts, rights = ([t] if isinstance(t, str) else list(t) for t in (left, right))
    common = [name for name in lefts if name in rights]
    if "integer" not in common and {"integer", "number"} <= {*lefts, *rights}:
        common.append("integer")
    return common


class _Restoring:
    def __init__(self, root: JsonSchema, validator: Any) -> None:
        self._root = root
        self._validator = validator

    def walk(self, value: Any, schema: Any) -> Any:
        if not isinstance(schema, dict):
            return value
        if "$ref" in schema:
            value = self.walk(value, resolve_ref(self._root, str(schema["$ref"])))
        for part in schema.get("allOf", ()):
            value = self.walk(value, part)
        for word in ("anyOf", "oneOf"):
            value = self._walk_branches(value, schema.get(word, ()))
        if isinstance(value, dict):
            return self._walk_object(value, schema)
        if isinstance(value, list):
            prefix, items = schema.get("prefixItems", ()), schema.get("items")
            return [self.walk(item, prefix[i] if i < len(prefix) else items) for i, item in enumerate(value)]
        return value

    def _walk_branches(self, value: Any, branches: Any) -> Any:
        for branch in branches:
            candidate = self.walk(value, branch)
            if self._valid(candidate, branch):
                return candidate
        return value

    def _walk_object(self, value: dict[str, Any], schema: JsonSchema) -> dict[str, Any]:
        properties, required = schema.get("properties", {}), schema.get("required", ())
        more = schema.get("additionalProperties")
        kept = {}
        for name, item in value.items():
            sub = properties.get(name, more if name not in properties else None)
            if item is None and name in properties and name not in required and not self._valid(None, sub):
                continue
            kept[name] = self.walk(item, sub)
        return kept

    def _valid(self, value: Any, schema: Any) -> bool:
        return bool(self._validator.evolve(schema=schema).is_valid(value))
