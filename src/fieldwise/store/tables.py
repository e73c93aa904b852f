"""The tables. Bodies are JSON of the nouns; columns of their own are only what queries select by."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

meta = Table("meta", metadata, Column("key", String, primary_key=True), Column("value", String, nullable=False))

runs = Table(
    "runs",
    metadata,
    Column("id", String, primary_key=True),
    Column("status", String, nullable=False),
    Column("prompt", Text, nullable=False),
    Column("file_path", Text, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("document_id", String),
    Column("version", Integer, nullable=False, default=0),
    Column("agent_id", String),
    Column("error", JSON(none_as_null=True)),
    Column("settings", JSON, nullable=False),
    # What the next burst starts from: the workflow's state and the decision that it answers.
    Column("state", JSON(none_as_null=True)),
    Column("revision", Integer, nullable=False, default=0),
    Column("lease_owner", String),
    Column("lease_token", String),
    Column("lease_until", Float),
    Column("created_at", String, nullable=False),
    Column("updated_at", String, nullable=False),
    Index("runs_by_status", "status", "created_at"),
)

schema_versions = Table(
    "schema_versions",
    metadata,
    Column("run_id", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("body", JSON, nullable=False),
    PrimaryKeyConstraint("run_id", "version"),
)

# One decision a version: the primary key is the gate.
decisions = Table(
    "decisions",
    metadata,
    Column("run_id", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("id", String, nullable=False, unique=True),
    Column("body", JSON, nullable=False),
    PrimaryKeyConstraint("run_id", "version"),
)

extractions = Table(
    "extractions",
    metadata,
    Column("run_id", String, primary_key=True),
    Column("body", JSON, nullable=False),
)

documents = Table(
    "documents",
    metadata,
    Column("id", String, nullable=False),
    Column("parser", String, nullable=False),
    Column("name", Text, nullable=False),
    Column("media_type", String, nullable=False),
    Column("pages", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("created_at", String, nullable=False),
    PrimaryKeyConstraint("id", "parser"),
)

agents = Table(
    "agents",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("fingerprint", String, nullable=False),
    Column("body", JSON, nullable=False),
    Column("created_at", String, nullable=False),
    UniqueConstraint("name"),
    Index("agents_by_fingerprint", "fingerprint"),
)

events = Table(
    "events",
    metadata,
    Column("run_id", String, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("type", String, nullable=False),
    Column("v", Integer, nullable=False),
    Column("at", String, nullable=False),
    Column("data", JSON, nullable=False),
    PrimaryKeyConstraint("run_id", "seq"),
)
