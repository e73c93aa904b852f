"""Which of the gold's values, and which of the pages' words, are still there in each parser's output."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from fieldwise.model import Document

from .corpus import Paper
from .systems import FLOOR, OURS, SECOND_ENGINE, SLOW, Kept, Peer, our_parser, read_ours
from .words import Output, share_held, union_of, words_kept

Outputs = dict[str, dict[str, Output | None]]


def measure(papers: Sequence[Paper], peers: Sequence[Peer], kept: Kept, slow_pages: int) -> dict[str, Any]:
    """Read every paper once by every system; slow ones leave out those of more than `slow_pages` pages (0: none)."""
    documents = asyncio.run(_ours(papers))
    outputs: Outputs = {OURS: {}}
    errors: dict[str, dict[str, str]] = defaultdict(dict)
    for paper in papers:
        document = documents[paper.name]
        if isinstance(document, str):
            errors[OURS][paper.name] = document
        outputs[OURS][paper.name] = None if isinstance(document, str) else Output([document.markdown])
    for peer in peers:
        outputs[peer.name] = {}
        for paper in papers:
            if peer.name in SLOW and slow_pages and paper.pages > slow_pages:
                continue
            reading = kept.read(peer, paper.path)
            if reading.error:
                errors[peer.name][paper.name] = reading.error
            outputs[peer.name][paper.name] = None if reading.error else Output(reading.texts)
    return {
        "gold_values": gold_values(papers, outputs),
        "words": words(papers, documents, outputs),
        "errors": errors,
        "texts_kept_from_earlier": kept.hits,
    }


async def _ours(papers: Sequence[Paper]) -> dict[str, Document | str]:
    parser = our_parser()
    _, documents = await read_ours(parser, [paper.path for paper in papers])
    await parser.aclose()
    return {paper.name: document for paper, document in zip(papers, documents, strict=True)}


def gold_values(papers: Sequence[Paper], outputs: Outputs) -> dict[str, Any]:
    """For each data set and system: the share of values found, over the documents that it was given; beside it the
    share that ours has over the same documents, where they are fewer; and the share that any of them has."""
    result: dict[str, Any] = {}
    for dataset in dict.fromkeys(paper.dataset for paper in papers):
        chosen = [paper for paper in papers if paper.dataset == dataset]
        found = {
            system: {p.name: share_held(by_name[p.name], p.values) for p in chosen if p.name in by_name}
            for system, by_name in outputs.items()
            if system != SECOND_ENGINE
        }
        shares: dict[str, Any] = {}
        for system, by_paper in found.items():
            shares[system] = {"share": _share(by_paper.values()), "documents": len(by_paper)}
            if len(by_paper) < len(chosen):
                shares[system]["ours_on_these"] = _share(found[OURS][name] for name in by_paper)
        every = [
            sum(
                any((output := by_name.get(paper.name)) is not None and output.holds(v) for by_name in outputs.values())
                for v in paper.values
            )
            for paper in chosen
        ]
        result[dataset] = {
            "documents": len(chosen),
            "values": sum(len(paper.values) for paper in chosen),
            "found_by_any": round(sum(every) / max(1, sum(len(paper.values) for paper in chosen)), 4),
            "systems": shares,
            "ours_lacks": _lacking(chosen, outputs),
        }
    return result


def _share(counts: Any) -> float:
    pairs = list(counts)
    return round(sum(have for have, _ in pairs) / max(1, sum(all_ for _, all_ in pairs)), 4)


def _lacking(papers: Sequence[Paper], outputs: Outputs) -> list[dict[str, Any]]:
    """Name values that some other system has and ours has not: what there is to learn."""
    lacking = []
    for paper in papers:
        ours = outputs[OURS].get(paper.name)
        for value in dict.fromkeys(paper.values):
            if ours is not None and ours.holds(value):
                continue
            have = [
                system
                for system, by_name in outputs.items()
                if system != OURS and (output := by_name.get(paper.name)) is not None and output.holds(value)
            ]
            if have:
                lacking.append({"document": paper.name, "value": value, "found_by": have})
    return lacking


def words(papers: Sequence[Paper], documents: dict[str, Document | str], outputs: Outputs) -> dict[str, Any]:
    """Recall against the union of two independent text engines, for every system that read everything."""
    reference = {
        paper.name: union_of([o for s in (FLOOR, SECOND_ENGINE) if (o := outputs.get(s, {}).get(paper.name))])
        for paper in papers
    }
    if not any(reference.values()):
        return {}
    named = {**outputs, "fieldwise words": {name: _words_of(document) for name, document in documents.items()}}
    result: dict[str, Any] = {"reference": f"union of {FLOOR} and {SECOND_ENGINE}", "systems": {}}
    missing_in_ours: dict[str, Any] = {}
    for system, by_name in named.items():
        same = kept = total = 0
        for name, bag in reference.items():
            if name not in by_name:
                break
            output = by_name[name] or Output([])
            a, b, c, missing = words_kept(output, bag)
            same, kept, total = same + a, kept + b, total + c
            if system == "fieldwise words" and missing:
                missing_in_ours[name] = {"recall": round(b / c, 4), "missing": dict(missing.most_common(15))}
        else:
            result["systems"][system] = {
                "recall": round(kept / max(1, total), 4),
                "recall_cut_alike": round(same / max(1, total), 4),
            }
    ours = [word for d in documents.values() if isinstance(d, Document) for page in d.pages for word in page.words]
    result["words_of_ours"] = len(ours)
    result["with_box"] = round(sum(word.box is not None for word in ours) / max(1, len(ours)), 6)
    result["with_span"] = round(sum(word.span is not None for word in ours) / max(1, len(ours)), 6)
    worst = sorted(missing_in_ours.items(), key=lambda item: item[1]["recall"])[:10]
    result["least_complete"] = dict(worst)
    result["words"] = sum(bag.total() for bag in reference.values())
    return result


def _words_of(document: Document | str) -> Output | None:
    if isinstance(document, str):
        return None
    return Output(" ".join(word.text for word in page.words) for page in document.pages)
