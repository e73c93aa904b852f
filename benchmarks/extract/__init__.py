"""How well whole systems extract, on real documents with true values.

    python -m benchmarks.extract run   --data FOLDER --out FOLDER --system fieldwise --system one-shot
    python -m benchmarks.extract score --data FOLDER --out FOLDER --html report.html

FOLDER of data holds a MANIFEST.jsonl (a line a document: dataset, doc, gold, schema, domain, kind, pages ...). A run
can be stopped and started again: what is recorded is not asked twice. Everything is recorded: model, prompts by hash,
versions, seconds, tokens, raw answers.
"""
