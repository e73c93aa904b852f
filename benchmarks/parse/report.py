"""A result as a table in docs/benchmarks.md and as a chart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from .systems import FLOOR, OURS, PEERS

DOCS = Path("docs/benchmarks.md")
CHART = Path("docs/images/parse-speed.svg")
_BEGIN, _END = "<!-- parsing: written by benchmarks.parse -->", "<!-- end of parsing -->"

_ORDER = (OURS, FLOOR, *PEERS)
_SHOWN_AS = {FLOOR: "pypdfium2, raw text"}

# The targets that the project set itself.
_RATIO_GOALS = {"liteparse": 0.5, "pymupdf4llm": 10.0, "markitdown": 10.0}
_RECALL_GOAL = 0.995


def brief(results: Mapping[str, Any]) -> dict[str, Any]:
    """Return what fits a screen: shares and ratios, without the single values."""
    shown = {key: value for key, value in results.items() if key not in ("quality", "speed")}
    if quality := results.get("quality"):
        shown["gold_values"] = {
            dataset: {name: _share_cell(system) for name, system in found["systems"].items()}
            for dataset, found in quality["gold_values"].items()
        }
        shown["words"] = {k: v for k, v in quality["words"].items() if k != "least_complete"}
        shown["errors"] = quality["errors"]
    if speed := results.get("speed"):
        shown["speed"] = speed
    return shown


def write(records: Sequence[Mapping[str, Any]]) -> None:
    """Write section and chart. Of several records the last one that has a part gives that part."""
    quality = next((r for r in reversed(records) if "quality" in r["results"]), None)
    speed = next((r for r in reversed(records) if "speed" in r["results"]), None)
    parts = [
        "## Parsing",
        "",
        "Beside ours: other parsers from PyPI in an environment of their own "
        "([requirements](../benchmarks/parse/requirements.txt)), each in a process of its own, without OCR and without "
        "network. `python -m benchmarks.parse --out RESULT` measures all of them, `--only speed` their speed "
        "alone, and `python -m benchmarks.parse --docs RESULT...` writes this section.",
        "",
    ]
    if quality:
        parts += _quality_section(quality)
    if speed:
        parts += _speed_section(speed)
        CHART.parent.mkdir(parents=True, exist_ok=True)
        CHART.write_text(chart(speed["results"]["speed"]["sample"]), encoding="utf-8")
    hostile = next((r for r in reversed(records) if "files" in r["results"]), None)
    if hostile:
        parts += _hostile_section(hostile)
    absent = {name: why for r in records for name, why in r["results"].get("does_not_run", {}).items()}
    if absent:
        parts += [f"Not measured: {name}, which does not run here: {why}" for name, why in absent.items()]
        parts.append("")
    section = "\n".join([_BEGIN, *parts, _END])
    text = DOCS.read_text(encoding="utf-8") if DOCS.exists() else "# Benchmarks\n"
    if _BEGIN in text:
        before, _, rest = text.partition(_BEGIN)
        text = before + section + rest.partition(_END)[2]
    else:
        text = text.rstrip("\n") + "\n\n" + section + "\n"
    DOCS.write_text(text, encoding="utf-8")


def _share_cell(system: Mapping[str, Any]) -> str:
    own = f" (ours on these {system['documents']}: {system['ours_on_these']:.1%})" if "ours_on_these" in system else ""
    return f"{system['share']:.1%}{own}"


def _measured(record: Mapping[str, Any]) -> str:
    machine = record["machine"]
    return (
        f"Measured on {record['date']}, {machine['cores']} cores ({machine['cpu']}), Python "
        f"{record['versions']['python']}, by `{record['command']}`."
    )


def _quality_section(record: Mapping[str, Any]) -> list[str]:
    results = record["results"]
    found, words = results["quality"]["gold_values"], results["quality"]["words"]
    systems = [name for name in _ORDER if any(name in of["systems"] for of in found.values())]
    lines = [
        "### What is still there",
        "",
        f"The share of the gold's distinct values that stand in the output, {results['documents']} born-digital PDFs "
        f"({results['pages']:,} pages). Numbers, dates, case and spacing are normalized alike for all. What the "
        "gold's authors worded themselves stands in no output: the last column is what any of the parsers has. "
        "In brackets: what ours has of the same documents, where a slow parser read only the shorter ones.",
        "",
        "| data set | documents | values | " + " | ".join(_name(s, results) for s in systems) + " | any |",
        "|---|---|---|" + "---|" * (len(systems) + 1),
    ]
    for dataset, of in found.items():
        cells = []
        for name in systems:
            system = of["systems"].get(name)
            if system is None:
                cells.append("")
                continue
            own = f" ({system['ours_on_these']:.1%})" if "ours_on_these" in system else ""
            cells.append(f"{system['share']:.1%}{own}")
        lines.append(
            f"| {dataset} | {of['documents']} | {of['values']:,} | "
            + " | ".join(cells)
            + f" | {of['found_by_any']:.1%} |"
        )
    lines += [
        "",
        f"Words: of the {words['words']:,} words that {words['reference'].removeprefix('union of ')} find together "
        "(each as often as the one that finds it more often), kept as they are or cut otherwise (`exam-` `ple`); "
        "a second figure counts only words cut alike.",
        "",
        "| | words kept | cut alike |",
        "|---|---|---|",
    ]
    for name, recall in words["systems"].items():
        title = {OURS: "fieldwise, markdown", "fieldwise words": "fieldwise, words with boxes"}.get(name, name)
        lines.append(f"| {title} | {recall['recall']:.2%} | {recall['recall_cut_alike']:.2%} |")
    lines += [
        "",
        f"Every word has a box: {words['with_box']:.4%} of {words['words_of_ours']:,} words; and a place in the "
        f"markdown: {words['with_span']:.4%}.",
        "",
        _measured(record),
        "",
    ]
    return lines


def _speed_section(record: Mapping[str, Any]) -> list[str]:
    results = record["results"]
    sample, corpus = results["speed"]["sample"], results["speed"]["corpus"]
    lines = [
        "### Pages a second",
        "",
        "Ours: a pool of two processes with all limits on, from the file to the finished `Document`. The others: their "
        "own call within one process, start-up left out. Each round runs every system once, in another order; a ratio "
        "is the median of the rounds' ratios, so that the machine's load is the same for both sides.",
        "",
        f"| | pages/s, sample ({sample['documents']} documents, {sample['pages']} pages) | ours is faster by "
        f"| pages/s, all {corpus['pages']:,} pages | ours is faster by |",
        "|---|---|---|---|---|",
    ]
    for name in _ORDER:
        if name not in sample["pages_per_second"]:
            continue
        row = [_name(name, results)]
        for part in (sample, corpus):
            rate = part["pages_per_second"].get(name)
            ratio = part["ours_to_theirs"].get(name)
            row += [f"{rate['median']:.1f}" if rate else "", f"{ratio:g} x" if ratio is not None else ""]
        lines.append("| " + " | ".join(row) + " |")
    loads = [*sample["load_average"], *corpus["load_average"]]
    lines += [
        "",
        "![Pages a second of each parser](images/parse-speed.svg)",
        "",
        f"{_measured(record)} Medians of {sample['rounds']} rounds; load average of the machine meanwhile "
        f"{min(loads):g} to {max(loads):g} (2 would be both cores busy with the measurement itself).",
        "",
    ]
    return lines


def _hostile_section(record: Mapping[str, Any]) -> list[str]:
    limits, files = record["results"]["limits"], record["results"]["files"]
    lines = [
        "### Files made to harm",
        "",
        "`fieldwise parse --json` on each, with the limits "
        + " and ".join(f"`{name}` {value:,}" for name, value in limits.items())
        + ". Memory is the resident peak of the larger of the two processes, the command and the one that reads.",
        "",
        "| file | bytes | outcome | seconds | peak MB |",
        "|---|---|---|---|---|",
    ]
    for name, found in files.items():
        outcome = found["outcome"].replace("|", "/")
        outcome = outcome if len(outcome) <= 110 else outcome[:109].rstrip() + "…"
        lines.append(f"| {name} | {found['bytes']:,} | {outcome} | {found['seconds']} | {found['peak_mb']:,} |")
    return [*lines, "", f"{_measured(record)} The machine was busy: the seconds are an upper bound.", ""]


def _name(name: str, results: Mapping[str, Any]) -> str:
    title = _SHOWN_AS.get(name, name)
    version = results["versions"].get(name)
    return f"{title} {version}" if version else f"**{title}**"


def chart(part: Mapping[str, Any]) -> str:
    """Return pages a second as horizontal bars on a logarithmic scale."""
    rates = sorted(
        ((name, rate["median"]) for name, rate in part["pages_per_second"].items()), key=lambda pair: -pair[1]
    )
    left, width, row, top = 150, 460, 30, 46
    highest = 10 ** math.ceil(math.log10(max(rate for _, rate in rates)))
    scale = width / math.log10(highest)
    bottom = top + row * len(rates)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 80} {bottom + 34}" '
        'font-family="sans-serif" font-size="13" role="img" aria-label="Pages a second of each parser">',
        f'<rect width="{left + width + 80}" height="{bottom + 34}" fill="#ffffff"/>',
        f'<text x="{left}" y="22" font-weight="bold">Pages a second (logarithmic)</text>',
    ]
    tick = 1
    while tick <= highest:
        x = left + math.log10(tick) * scale
        out.append(f'<line x1="{x:.1f}" y1="{top - 10}" x2="{x:.1f}" y2="{bottom}" stroke="#d9d9d9"/>')
        out.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle" fill="#555">{tick:,}</text>')
        tick *= 10
    for number, (name, rate) in enumerate(rates):
        y = top + number * row
        length = max(1.0, math.log10(max(rate, 1.0)) * scale)
        color = "#1f6feb" if name == OURS else "#9aa4b2"
        title = escape(_SHOWN_AS.get(name, name))
        out.append(f'<text x="{left - 8}" y="{y + 14}" text-anchor="end">{title}</text>')
        out.append(f'<rect x="{left}" y="{y}" width="{length:.1f}" height="20" fill="{color}"/>')
        out.append(f'<text x="{left + length + 6:.1f}" y="{y + 15}">{rate:.1f}</text>')
    return "\n".join([*out, "</svg>", ""])


def unmet(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name each goal that these results miss."""
    missed = []
    for record in records:
        speed = record["results"].get("speed")
        if speed:
            for name, goal in _RATIO_GOALS.items():
                ratio = speed["sample"]["ours_to_theirs"].get(name)
                if ratio is not None and ratio < goal:
                    missed.append(f"{ratio:g} x the speed of {name}, not {goal:g} x")
        quality = record["results"].get("quality")
        if quality:
            recall = quality["words"]["systems"]["fieldwise words"]["recall"]
            if recall < _RECALL_GOAL:
                missed.append(f"word recall {recall:.4f}, not {_RECALL_GOAL}")
            for dataset, found in quality["gold_values"].items():
                for name, system in found["systems"].items():
                    ours = system.get("ours_on_these", found["systems"][OURS]["share"])
                    if system["share"] > ours:
                        missed.append(f"{dataset}: {name} has {system['share']:.2%}, ours {ours:.2%}")
    return missed
