"""Every error that fieldwise raises on purpose, in one tree.

    FieldwiseError
    ├── InputError            the call itself is wrong (exit 2)
    │   ├── RunNotFound
    │   ├── AgentNotFound
    │   └── SchemaInvalid
    ├── ParseError            the document could not be read
    │   ├── UnsupportedFormat
    │   ├── EncryptedDocument
    │   ├── DamagedDocument
    │   ├── EmptyDocument
    │   └── ParseLimit        time, memory, size or page limit
    ├── ModelError            the model could not be asked, or did not answer usably
    │   ├── MissingExtra      an optional dependency is not installed
    │   ├── CredentialsMissing  (exit 4)
    │   ├── ModelUnavailable
    │   ├── ModelOverloaded   come back later (429, 503): the call is made again after a pause
    │   ├── ModelStalled      no progress for too long
    │   ├── ModelCancelled
    │   └── ModelAnswerInvalid  nonsense, as often as settings allow
    ├── ReviewError           a decision that cannot be taken
    │   ├── StaleDecision
    │   └── NotAwaitingReview
    ├── RunError              what became of a run
    │   ├── RunRejected       (exit 3)
    │   ├── RunCancelled
    │   └── LeaseLost         another process works on the run now
    └── StoreError            the store cannot be used
        ├── StoreLocked
        ├── StoreFull
        └── StoreTooNew

`str(error)` says what happened and what to do next; the fields are for programs.
"""

from __future__ import annotations

from typing import Any, ClassVar


class FieldwiseError(Exception):
    """Root of the tree. `next_step` tells the reader what to do; `fields` holds the facts (run_id, path, page ...)."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, next_step: str = "", **fields: Any) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step
        self.fields = fields

    def __str__(self) -> str:
        return f"{self.message} {self.next_step}".strip()

    def __reduce__(self) -> tuple[Any, ...]:
        # Keyword arguments are lost by the default reduction, and errors travel between processes.
        return (_rebuild, (type(self), self.message, self.next_step, self.fields))


def _rebuild(cls: type[FieldwiseError], message: str, next_step: str, fields: dict[str, Any]) -> FieldwiseError:
    return cls(message, next_step=next_step, **fields)


class InputError(FieldwiseError):
    code = "input_invalid"
    exit_code = 2


class RunNotFound(InputError):
    code = "run_not_found"


class AgentNotFound(InputError):
    code = "agent_not_found"


class SchemaInvalid(InputError):
    """`fields["findings"]` lists pointer and reason of each fault."""

    code = "schema_invalid"


class ParseError(FieldwiseError):
    code = "parse_failed"


class UnsupportedFormat(ParseError):
    code = "format_unsupported"


class EncryptedDocument(ParseError):
    code = "document_encrypted"


class DamagedDocument(ParseError):
    code = "document_damaged"


class EmptyDocument(ParseError):
    code = "document_empty"


class ParseLimit(ParseError):
    code = "parse_limit"


class ModelError(FieldwiseError):
    code = "model_failed"


class MissingExtra(ModelError):
    code = "extra_missing"


class CredentialsMissing(ModelError):
    code = "credentials_missing"
    exit_code = 4


class ModelUnavailable(ModelError):
    code = "model_unavailable"


class ModelOverloaded(ModelError):
    """`fields["retry_after_seconds"]`: what the backend asks for; `["waited_seconds"]`: what was waited in vain."""

    code = "model_overloaded"


class ModelStalled(ModelError):
    code = "model_stalled"


class ModelCancelled(ModelError):
    code = "model_cancelled"


class ModelAnswerInvalid(ModelError):
    """`fields["attempts"]` holds each answer with the error it gave."""

    code = "model_answer_invalid"


class ReviewError(FieldwiseError):
    code = "review_refused"


class StaleDecision(ReviewError):
    code = "decision_stale"


class NotAwaitingReview(ReviewError):
    code = "not_awaiting_review"


class RunError(FieldwiseError):
    code = "run_failed"


class RunRejected(RunError):
    code = "run_rejected"
    exit_code = 3


class RunCancelled(RunError):
    code = "run_cancelled"


class LeaseLost(RunError):
    code = "lease_lost"


class StoreError(FieldwiseError):
    code = "store_failed"


class StoreLocked(StoreError):
    code = "store_locked"


class StoreFull(StoreError):
    code = "store_full"


class StoreTooNew(StoreError):
    code = "store_too_new"
