"""Write the pages of docs/ that come from the code.

python docs/build.py            writes them
python docs/build.py --check    says which are stale, and fails
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from fieldwise.settings import ENV_PREFIX, Settings, default_cache_dir, default_store_url

DOCS = Path(__file__).resolve().parent

# Defaults that differ from machine to machine are named, not shown.
_FACTORIES: Mapping[Callable[[], object], str] = {
    default_store_url: "`fieldwise.db` in the user's data directory",
    default_cache_dir: "the user's cache directory",
}

SETTINGS_HEAD = """\
# Settings

A setting is taken from the first of these that has it:

1. a flag of the command line, or an argument of `fieldwise.Fieldwise(...)`;
2. the variable `FIELDWISE_` and the setting's name in capitals, such as `FIELDWISE_STORE`;
3. `fieldwise.toml` in the current folder: `model = "embedded"`;
4. `config.toml` in the user's configuration directory; `fieldwise config path` says where that is;
5. the default below.

`fieldwise config show` lists the values in force, and where each one comes from.

Nothing else decides which model or parser is used: a key in the environment changes no default, and nothing leaves the
machine unless a setting names something that is elsewhere. An unknown name or an unusable value is an error that names
its source.

| setting | variable | default | what it is |
|---|---|---|---|
"""


def settings_page() -> str:
    rows = []
    for name, field in Settings.model_fields.items():
        if field.default_factory is not None:
            default = _FACTORIES[field.default_factory]  # type: ignore[index]  # none of ours takes the validated data
        elif field.default is None:
            default = "none"
        else:
            default = f"`{field.default}`"
        rows.append(f"| `{name}` | `{ENV_PREFIX}{name.upper()}` | {default} | {field.description} |")
    return SETTINGS_HEAD + "\n".join(rows) + "\n\nThis page is written by `python docs/build.py`.\n"


PAGES: Mapping[str, Callable[[], str]] = {"settings.md": settings_page}


def stale() -> list[str]:
    """Return the names of the pages that differ from what the code says."""
    return [
        name
        for name, page in PAGES.items()
        if not (DOCS / name).exists() or (DOCS / name).read_text(encoding="utf-8") != page()
    ]


def main(arguments: list[str]) -> int:
    names = stale()
    if "--check" in arguments:
        for name in names:
            print(f"docs/{name} is stale: run `make docs`", file=sys.stderr)
        return 1 if names else 0
    for name in names:
        (DOCS / name).write_text(PAGES[name](), encoding="utf-8")
        print(f"docs/{name} written")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
