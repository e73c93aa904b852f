"""The embedded model on the six-page paper, whole document in context: one loop with one revision, in one process.

Time to the first output token of the first proposal (the document is read), of the revision (it is not read again) and
of the extraction after it (the prefix is in the cache); seconds of the whole loop. Beside it, with the same model in
the same process: the notebook's own prompts and flow, its extraction as one constrained call with text and schema.
The peer is asked at temperature 0 as we are (its own 1.0 would only vary its results).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.loop import notebook_peer
from benchmarks.loop.own_time import PROMPT
from benchmarks.record import spread
from fieldwise import Fieldwise
from fieldwise.errors import ModelError
from fieldwise.llm import Message, ModelRequest
from fieldwise.llm.embedded import EmbeddedModel
from fieldwise.model import Progress
from fieldwise.settings import load_settings

FEEDBACK = "split authors into name and affiliation"


class FirstToken:
    """Listens to progress; `seconds` is the time from the last `reset` to the first written token."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.began = time.perf_counter()
        self.seconds: float | None = None

    def hear(self, progress: Progress) -> None:
        if self.seconds is None and progress.message.startswith("writing"):
            self.seconds = time.perf_counter() - self.began


async def _warm(model: EmbeddedModel) -> None:
    """Load the model and do one short call: the first call after loading is slow for everybody."""
    await model.generate(ModelRequest(messages=(Message("user", "Say yes."),), max_output_tokens=4))


async def ours(paper: Path, model: EmbeddedModel) -> dict[str, Any]:
    first = FirstToken()
    with tempfile.TemporaryDirectory() as folder:
        client = Fieldwise(store=Path(folder) / "runs.db", model=model)
        await client.aparse(paper)  # the parser's process is started for both
        began = time.perf_counter()
        first.reset()
        run = await client.astart(paper, PROMPT, on_event=first.hear)
        propose = first.seconds
        first.reset()
        run = await run.arevise(FEEDBACK, on_event=first.hear)
        revise = first.seconds
        first.reset()
        result = await run.aapprove(on_event=first.hear)
        seconds = time.perf_counter() - began
        extract = first.seconds
        await client.aclose()
    return {
        "first_token_propose_s": propose,
        "first_token_revise_s": revise,
        "first_token_extract_s": extract,
        "loop_s": seconds,
        "status": result.status,
        "authors": len(result.data.get("authors") or []),
        "calls": result.usage.calls,
    }


async def theirs(paper: Path, model: EmbeddedModel, notebook: Path) -> dict[str, Any]:
    first = FirstToken()
    firsts: list[float | None] = []
    client = Fieldwise(model=model)
    document = await client.aparse(paper)

    async def generate(messages: list[Message], schema: dict[str, Any] | None) -> str:
        first.reset()
        request = ModelRequest(messages=tuple(messages), json_schema=schema, max_output_tokens=2_048)
        reply = await model.generate(request, first.hear)
        firsts.append(first.seconds)
        return reply.text

    async def ask(history: list[dict[str, str]]) -> str:
        return await generate([Message(m["role"], m["content"]) for m in history], None)  # type: ignore[arg-type]  # its roles are ours

    async def parse(path: str) -> list[str]:
        return [page.markdown for page in document.pages]

    async def extract(schema: dict[str, Any], text: str) -> dict[str, Any]:
        task = f"{text}\n\nExtract the data from the text above as JSON that follows this schema:\n{json.dumps(schema)}"
        data: dict[str, Any] = json.loads(await generate([Message("user", task)], schema))
        return data

    names = notebook_peer.load(notebook, ask, parse, extract)
    began = time.perf_counter()
    try:
        with contextlib.redirect_stdout(None):
            data, marks = await notebook_peer.run(names, str(paper), PROMPT, [FEEDBACK])
    except (ModelError, ValueError, Exception) as error:
        return {"failed": f"{type(error).__name__}: {error}"[:200], "after_s": time.perf_counter() - began}
    finally:
        await client.aclose()
    return {
        "first_token_propose_s": firsts[0],
        "first_token_extract_s": firsts[-1],
        "loop_s": marks[-1],
        "model_calls": len(firsts),
        "authors": len(data.get("authors") or []),
        "split_as_asked": isinstance((data.get("authors") or [None])[0], dict),
    }


async def one_round(paper: Path, notebook: Path | None) -> dict[str, Any]:
    settings = load_settings()
    model = EmbeddedModel(cache_dir=settings.cache_dir, runtime=settings.embedded_runtime)
    await _warm(model)
    result = {"fieldwise": await ours(paper, model)}
    if notebook is not None:
        result["notebook"] = await theirs(paper, model, notebook)
    await model.aclose()
    return result


def main(paper: Path, notebook: Path | None, rounds: int = 5, notebook_rounds: int = 5) -> dict[str, Any]:
    """Each round in a process of its own, so that no prefix is left from the round before."""
    results = []
    for number in range(rounds):
        peer = str(notebook or "") if number < notebook_rounds else ""
        command = [sys.executable, "-m", "benchmarks.loop.embedded", str(paper), peer]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        results.append(json.loads(output.splitlines()[-1]))
        print(f"round {number + 1}: {json.dumps(results[-1])}", file=sys.stderr, flush=True)
    mine = [r["fieldwise"] for r in results]
    body: dict[str, Any] = {
        "fieldwise": {
            key: spread([r[key] for r in mine])
            for key in ("first_token_propose_s", "first_token_revise_s", "first_token_extract_s", "loop_s")
        },
        "ratio_revise_to_propose": spread([r["first_token_revise_s"] / r["first_token_propose_s"] for r in mine]),
        "ratio_extract_to_propose": spread([r["first_token_extract_s"] / r["first_token_propose_s"] for r in mine]),
        "rounds": results,
    }
    good = [r for r in results if "notebook" in r and "failed" not in r["notebook"]]
    if good:
        body["notebook"] = {
            key: spread([r["notebook"][key] for r in good])
            for key in ("first_token_propose_s", "first_token_extract_s", "loop_s")
        }
        body["ratio_loop_to_notebook"] = spread([r["fieldwise"]["loop_s"] / r["notebook"]["loop_s"] for r in good])
    return body


if __name__ == "__main__":
    print(json.dumps(asyncio.run(one_round(Path(sys.argv[1]), Path(sys.argv[2]) if sys.argv[2] else None))))
