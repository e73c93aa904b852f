"""How well whole systems extract, on real documents with true values.

    python -m benchmarks.extract run   --data FOLDER --out FOLDER --system fieldwise --system one-shot
    python -m benchmarks.extract score --data FOLDER --out FOLDER --html report.html
    python -m benchmarks.extract table --data FOLDER --out FOLDER --system fieldwise --write docs/benchmarks.md

FOLDER of data holds a MANIFEST.jsonl (a line a document: dataset, doc, gold, schema, domain, kind, pages ...). A run
can be stopped and started again: what is recorded is not asked twice. Everything is recorded: model, prompts by hash,
versions, seconds, tokens, raw answers. `--sample benchmarks/extract/sample.json` takes the fixed sample.

The peers (langextract, contextgem, instructor) run in an environment of their own and ask the same model, at an
OpenAI-compatible endpoint on loopback (`endpoint.py`):

    python3 -m venv .venv-bench && .venv-bench/bin/pip install -r benchmarks/extract/requirements.txt
"""
