"""OpenVINO GenAI: the fastest prompt reading measured on a CPU. Reads Qwen2, Qwen3 and Llama GGUF files.

The scheduler is stepped by us, not by its `generate`: each step reads 128 tokens of the prompt or writes one, so a
call can be stopped within a second even while a long prompt is read, and tells how far it is. The prefix cache lives
as long as the process.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

from fieldwise.errors import MissingExtra, ModelError, ModelUnavailable

from .converted import converted_folder, ensure_converted
from .files import known_hash
from .gguf import GgufHead, read_gguf_head
from .grammar import LENGTHS, PATTERNS, RANGES, Dialect, Lowered, lower, require_constrained, write_keys
from .runtime import (
    READING,
    WRITING,
    Answer,
    Call,
    ModelFile,
    NotRunnable,
    Report,
    Stopped,
    defuse_control_tokens,
    room_for_answer,
)
from .weights import EXTRA_HINT, ensure_weights

log = logging.getLogger("fieldwise.llm")

ARCHITECTURES = frozenset({"llama", "qwen2", "qwen3"})
STEP_TOKENS = 128  # 256 reads a prompt 5 % faster, but then a call stops only after more than a second
BLOCK_TOKENS = 32  # the CPU plugin's size of a key-value block
# Two documents' worth of keys and values: a proposal and an extraction of another document do not drive each other out.
CACHED_CONTEXTS = 2
_PIECE = 2_000  # characters: at most 8,000 bytes, and no token of a byte-level tokenizer is shorter than one
_PLACE = re.compile(r"^\[[\d:]+\] \S+:\d+: ")  # where in the native source an error was raised
_LINE_END = re.compile(r"(?<=\n)(?=\S)")
_WORD_START = re.compile(r"(?<=\S)(?= [^\W\d_])")
_BLANK_TOKENS = 24  # a small model may write blanks for ever where the grammar allows them

XGRAMMAR = Dialect(keywords=RANGES | LENGTHS | PATTERNS, garbles=True)
# Where xgrammar refuses a schema all the same, its structure alone is enforced.
STRUCTURE_ONLY = Dialect(keywords=frozenset(), garbles=True)


class OpenVinoRuntime:
    """One pipeline, loaded when first needed. See `runtime.Runtime`."""

    def __init__(self, model: ModelFile) -> None:
        self._genai = _import_genai()
        self._model = model
        self._folder: Path | None = None
        self._head: GgufHead | None = None
        self._tokenizer: Any = None
        self._pipeline: Any = None
        self._prefixes = _Prefixes(model.context_tokens * CACHED_CONTEXTS)
        self._last_id = 0

    @property
    def name(self) -> str:
        return f"openvino-genai {metadata.version('openvino-genai')}"

    @property
    def counts_at_once(self) -> bool:
        return self._tokenizer is not None and self._head is not None

    def count(self, text: str, report: Report) -> int:
        head = self._ready_tokenizer(report)[1]
        return len(self._encode(defuse_control_tokens(text, head.control_tokens)))

    def generate(self, call: Call, report: Report) -> Answer:
        tokenizer, head = self._ready_tokenizer(report)
        pipeline = self._ready_pipeline(report)
        call = call.defused(head.control_tokens)
        history = [{"role": message.role, "content": message.content} for message in call.messages]
        prompt = self._encode(tokenizer.apply_chat_template(history, add_generation_prompt=True))
        room = room_for_answer(len(prompt), call, self._model.context_tokens)
        if call.json_schema is None:
            return self._step_through(pipeline, prompt, self._config(call, room), None, report)
        try:
            return self._constrained(pipeline, prompt, call, room, XGRAMMAR, report)
        except _GrammarRefused as error:
            log.warning("xgrammar refused the schema (%s); only its structure is enforced.", error)
        try:
            return self._constrained(pipeline, prompt, call, room, STRUCTURE_ONLY, report)
        except _GrammarRefused as error:
            raise ModelError(
                f"OpenVINO cannot constrain an answer to this schema: {error}.",
                next_step="Make the schema simpler, or try FIELDWISE_EMBEDDED_RUNTIME=xllamacpp.",
            ) from error

    def _constrained(
        self, pipeline: Any, prompt: list[int], call: Call, room: int, dialect: Dialect, report: Report
    ) -> Answer:
        assert call.json_schema is not None  # noqa: S101  # by the caller
        lowered = lower(call.json_schema, dialect)
        answer = self._step_through(pipeline, prompt, self._config(call, room, lowered), lowered, report)
        return answer._replace(
            constrained=answer.finish == "length" or require_constrained(answer.text, lowered),
            text=write_keys(answer.text, lowered),
            dropped_keywords=lowered.dropped,
        )

    def _step_through(
        self, pipeline: Any, prompt: list[int], config: Any, lowered: Lowered | None, report: Report
    ) -> Answer:
        import numpy
        import openvino

        total = len(prompt)
        expected = self._prefixes.longest(prompt)
        self._last_id += 1
        tensor = openvino.Tensor(numpy.array([prompt], dtype=numpy.int64))
        handle = pipeline.add_request(self._last_id, tensor, config)
        written: list[int] = []
        steps = blanks = 0
        finish = None
        try:
            report(READING, expected, total, "tokens")
            while pipeline.has_non_finished_requests():
                pipeline.step()
                steps += not written
                while handle.can_read():
                    for output in handle.read().values():
                        written.extend(output.generated_ids)
                        finish = output.finish_reason
                if not written:
                    report(READING, min(total, expected + steps * STEP_TOKENS), total, "tokens")
                    continue
                report(WRITING, len(written), config.max_new_tokens, "tokens")
                blanks = blanks + 1 if not self._tokenizer.decode(written[-1:]).strip() else 0
                if lowered is not None and blanks > _BLANK_TOKENS:
                    self._stop(pipeline, handle)
        except (Stopped, ModelError):
            self._stop(pipeline, handle)
            raise
        except Exception as error:
            if lowered is not None and steps == 0 and "xgrammar" in str(error):
                self._stop(pipeline, handle)
                raise _GrammarRefused(_first_line(error)) from error
            # The scheduler's state is not known any more: the next call starts with a fresh one.
            self._pipeline = None
            self._prefixes.clear()
            raise ModelError(
                f"OpenVINO could not answer: {_first_line(error)}.",
                next_step="Try again; if it fails again, try FIELDWISE_EMBEDDED_RUNTIME=xllamacpp.",
            ) from error
        if not written:
            raise ModelError(
                "The model's memory for keys and values ran out.",
                next_step="Show the model less of the document (FIELDWISE_DOCUMENT_TOKENS).",
            )
        self._prefixes.add(prompt + written)
        return Answer(
            text=self._tokenizer.decode(written),
            finish="stop" if finish == self._genai.GenerationFinishReason.STOP else "length",
            input_tokens=total,
            cached_tokens=_cached(expected, total, steps),
            output_tokens=len(written),
        )

    def _stop(self, pipeline: Any, handle: Any) -> None:
        handle.cancel()
        while pipeline.has_non_finished_requests():
            pipeline.step()

    def _config(self, call: Call, room: int, lowered: Lowered | None = None) -> Any:
        config = self._pipeline.get_config()
        config.max_new_tokens = room
        config.apply_chat_template = False
        config.do_sample = call.temperature > 0
        if call.temperature > 0:
            config.temperature = call.temperature
        if lowered is not None:
            structured = self._genai.StructuredOutputConfig()
            structured.json_schema = json.dumps(lowered.json_schema, ensure_ascii=False)
            config.structured_output_config = structured
        return config

    def _encode(self, text: str) -> list[int]:
        """Tokenize piece by piece: the converted tokenizer silently cuts what is longer than 8,192 tokens."""
        head = self._head
        assert head is not None  # noqa: S101  # set together with the tokenizer
        ids: list[int] = []
        for piece in split_for_tokenizer(text, head.control_tokens):
            ids.extend(self._tokenizer.encode(piece, add_special_tokens=False).input_ids.data[0].tolist())
        return ids

    def _ready_tokenizer(self, report: Report) -> tuple[Any, GgufHead]:
        """Load the tokenizer alone, which takes a tenth of a second once the model is converted."""
        if self._tokenizer is None or self._head is None:
            gguf = self._model.gguf or ensure_weights(
                self._model.cache_dir, lambda done, total: report("preparing the weights", done, total, "bytes")
            )
            head = read_gguf_head(gguf)
            _require_runnable(head, gguf)
            self._folder = self._ready_folder(gguf, report)
            with self._explained():
                self._tokenizer = self._genai.Tokenizer(str(self._folder))
            self._head = head
        return self._tokenizer, self._head

    def _ready_folder(self, gguf: Path, report: Report) -> Path:
        sha256 = known_hash(
            gguf, self._model.cache_dir, lambda done, total: report("checking the weights", done, total, "bytes")
        )
        folder = converted_folder(self._model.cache_dir, sha256, metadata.version("openvino-genai"))

        def convert(path: Path) -> None:
            report("converting the model, once (about 20 seconds)")
            try:
                self._genai.LLMPipeline(str(path), "CPU", scheduler_config=self._scheduler(), enable_save_ov_model=True)
            except Exception as error:
                raise NotRunnable(
                    f"OpenVINO cannot read {gguf}: {_first_line(error)}.",
                    next_step="Try FIELDWISE_EMBEDDED_RUNTIME=xllamacpp, or another model file.",
                    path=str(gguf),
                ) from error

        return ensure_converted(gguf, folder, convert, lambda: report("waiting for another process's conversion"))

    def _ready_pipeline(self, report: Report) -> Any:
        if self._pipeline is None:
            report("loading the model")
            started = time.monotonic()
            properties: dict[str, Any] = {}
            if self._model.threads:
                properties["INFERENCE_NUM_THREADS"] = self._model.threads
            if _has_fast_half_precision():
                properties["INFERENCE_PRECISION_HINT"] = "f16"
            with self._explained():
                pipeline = self._genai.ContinuousBatchingPipeline(
                    str(self._folder), self._scheduler(), "CPU", properties
                )
                # The first steps of each kind compile kernels and repack the weights: loading, not reading.
                report("warming up the model")
                self._warm_up(pipeline)
            self._pipeline = pipeline
            log.debug("%s loaded in %.1f s", self.name, time.monotonic() - started)
        return self._pipeline

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what goes wrong while loading into a clear error; the next call checks all files anew."""
        try:
            yield
        except (Stopped, MemoryError):
            raise
        except Exception as error:
            self._tokenizer = self._pipeline = None
            raise ModelUnavailable(
                f"OpenVINO could not load the converted model in {self._folder}: {_first_line(error)}.",
                next_step="Close other programs if memory is short; or remove that folder: it is made again.",
                path=str(self._folder),
            ) from error

    def _warm_up(self, pipeline: Any) -> None:
        import numpy
        import openvino

        config = pipeline.get_config()
        config.max_new_tokens = 2
        config.apply_chat_template = False
        token = self._encode("a")[0]
        tensor = openvino.Tensor(numpy.full((1, 2), token, dtype=numpy.int64))
        pipeline.add_request(0, tensor, config)
        while pipeline.has_non_finished_requests():
            pipeline.step()

    def _scheduler(self) -> Any:
        scheduler = self._genai.SchedulerConfig()
        scheduler.enable_prefix_caching = True
        scheduler.max_num_batched_tokens = STEP_TOKENS
        scheduler.max_num_seqs = 1
        # Blocks are reserved here, but take memory only once written (16 KB a token for the default model).
        scheduler.num_kv_blocks = CACHED_CONTEXTS * -(-self._model.context_tokens // BLOCK_TOKENS) + 1
        return scheduler


class _GrammarRefused(Exception):
    pass


def split_for_tokenizer(text: str, control_tokens: tuple[str, ...]) -> Iterator[str]:
    """Cut `text` where the tokenizer cuts it anyway, into pieces that cannot have more tokens than it takes at once.

    Where a cut is made depends on what stands before it alone, so that equal beginnings have equal tokens.
    """
    parts = [text]
    if control_tokens:
        parts = re.split("(" + "|".join(map(re.escape, control_tokens)) + ")", text)
    for part in parts:
        start = 0
        while len(part) - start > _PIECE:
            window = part[start + _PIECE // 2 : start + _PIECE]
            found = _LINE_END.search(window) or _WORD_START.search(window)
            end = start + _PIECE // 2 + found.start() if found else start + _PIECE
            yield part[start:end]
            start = end
        if part[start:]:
            yield part[start:]


class _Prefixes:
    """Which prompts the scheduler has read, as far back as its blocks reach: it does not tell what it reused."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._known: list[list[int]] = []

    def longest(self, prompt: list[int]) -> int:
        """Return how many tokens at the start of `prompt` stand in whole blocks that were read before."""
        best = max((_shared(prompt, known) for known in self._known), default=0)
        # The last token is always read: its output is the first that is written.
        return min(best, len(prompt) - 1) // BLOCK_TOKENS * BLOCK_TOKENS

    def add(self, tokens: list[int]) -> None:
        self._known = [known for known in self._known if _shared(known, tokens) < len(known)]
        self._known.append(tokens)
        while sum(map(len, self._known)) > self._capacity and len(self._known) > 1:
            self._known.pop(0)

    def clear(self) -> None:
        self._known.clear()


def _shared(left: list[int], right: list[int]) -> int:
    low, high = 0, min(len(left), len(right))
    while low < high:  # slices compare in C; a loop over 10,000 tokens does not
        middle = (low + high + 1) // 2
        if left[:middle] == right[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _cached(expected: int, total: int, steps: int) -> int:
    """Correct what we expect by what was seen: each step but the last reads exactly `STEP_TOKENS`."""
    return max(total - steps * STEP_TOKENS, min(expected, total - 1 - (steps - 1) * STEP_TOKENS), 0)


def _require_runnable(head: GgufHead, gguf: Path) -> None:
    known = head.architecture in ARCHITECTURES and head.tokenizer == "gpt2"
    if not known or not head.chat_template:
        kind = f"{head.architecture or 'unknown'}, tokenizer {head.tokenizer or 'none'}" if not known else "base"
        raise NotRunnable(
            f"OpenVINO does not run GGUF models of this kind here ({kind}): {gguf}.",
            next_step="Use FIELDWISE_EMBEDDED_RUNTIME=xllamacpp, or another model file.",
            path=str(gguf),
        )


def _has_fast_half_precision() -> bool:
    """Say whether the CPU multiplies half-precision matrices in hardware.

    OpenVINO takes bfloat16 there by itself; float16 was a third faster on such a CPU, and is the more exact of the two.
    """
    try:
        return re.search(r"^flags\b.*\bamx_fp16\b", Path("/proc/cpuinfo").read_text(), re.MULTILINE) is not None
    except OSError:
        return False


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and not line.startswith("Exception from")]
    line = _PLACE.sub("", lines[0]) if lines else type(error).__name__
    return line[:300].rstrip(".")


def _import_genai() -> Any:
    # `import openvino` reports to Google Analytics unless its telemetry package is absent: then it uses a silent stub.
    # No document or prompt goes there, but fieldwise promises that nothing does.
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # None is how an import is barred
    try:
        import openvino_genai
    except ImportError as error:
        raise MissingExtra(
            f"The embedded model's runtime openvino-genai cannot be imported: {error}.",
            next_step=EXTRA_HINT,
            extra="embedded",
        ) from error
    return openvino_genai
