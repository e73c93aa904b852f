"""Settings: which source wins, where each value came from, and what is said of a wrong one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from fieldwise.errors import InputError
from fieldwise.settings import Settings, explain_settings, load_settings

Folders = tuple[Path, Path]


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """A project's folder and a user's config file, both still without settings."""
    project = tmp_path / "project"
    project.mkdir()
    return project, tmp_path / "config.toml"


def load(folders: Folders, overrides: dict[str, Any] | None = None, **environ: str) -> Settings:
    project, user = folders
    return load_settings(overrides, environ=environ, project_dir=project, user_config=user)


def sources(folders: Folders, overrides: dict[str, Any] | None = None, **environ: str) -> dict[str, str]:
    project, user = folders
    _, explained = explain_settings(overrides, environ=environ, project_dir=project, user_config=user)
    return {setting.name: setting.source for setting in explained}


def test_flags_win_over_the_environment_over_the_project_over_the_user_over_defaults(folders: Folders) -> None:
    project, user = folders
    assert load(folders).model == "embedded"
    user.write_text('model = "of the user"', encoding="utf-8")
    assert load(folders).model == "of the user"
    (project / "fieldwise.toml").write_text('model = "of the project"', encoding="utf-8")
    assert load(folders).model == "of the project"
    assert load(folders, FIELDWISE_MODEL="of the environment").model == "of the environment"
    assert load(folders, {"model": "of a flag"}, FIELDWISE_MODEL="of the environment").model == "of a flag"


def test_each_value_says_where_it_came_from(folders: Folders) -> None:
    project, user = folders
    user.write_text("max_pages = 7", encoding="utf-8")
    (project / "fieldwise.toml").write_text("lease_seconds = 5", encoding="utf-8")
    found = sources(folders, {"store": "sqlite:///x.db", "model": None}, FIELDWISE_PARSER="local")
    assert found["max_pages"] == str(user)
    assert found["lease_seconds"] == str(project / "fieldwise.toml")
    assert found["parser"] == "environment FIELDWISE_PARSER"
    assert found["store"] == "flag"
    assert found["model"] == "default", "a flag that was not given is no flag"
    assert set(found) == set(Settings.model_fields)


def test_text_from_the_environment_becomes_what_the_setting_is(folders: Folders) -> None:
    settings = load(folders, FIELDWISE_MAX_PAGES="12", FIELDWISE_LEASE_SECONDS="0.5", FIELDWISE_CACHE_DIR="/x/y")
    assert (settings.max_pages, settings.lease_seconds, settings.cache_dir) == (12, 0.5, Path("/x/y"))


def test_a_store_may_be_named_by_its_path(folders: Folders) -> None:
    assert load(folders, FIELDWISE_STORE="/x/runs.db").store == "sqlite:////x/runs.db"
    assert load(folders, FIELDWISE_STORE="sqlite:////x/runs.db").store == "sqlite:////x/runs.db"


def test_an_empty_variable_is_as_if_it_were_not_there(folders: Folders) -> None:
    assert load(folders, FIELDWISE_MODEL="").model == "embedded"


def test_keys_in_the_environment_change_no_backend(folders: Folders) -> None:
    settings = load(folders, OPENAI_API_KEY="sk-1", LLAMA_CLOUD_API_KEY="llx-1", OPENAI_BASE_URL="https://example.org")
    assert (settings.model, settings.parser, settings.extractor, settings.base_url) == (
        "embedded",
        "local",
        "fieldwise",
        None,
    )


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"FIELDWISE_MAX_PAGES": "many"}, "max_pages = 'many' (from environment FIELDWISE_MAX_PAGES)"),
        ({"FIELDWISE_MAX_PAGES": "0"}, "max_pages = '0' (from environment FIELDWISE_MAX_PAGES)"),
        ({"FIELDWISE_PROPOSAL_ATTEMPTS": "11"}, "proposal_attempts = '11'"),
        ({"FIELDWISE_LEASE_SECONDS": "-1"}, "lease_seconds = '-1'"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(folders: Folders, environ: dict[str, str], words: str) -> None:
    with pytest.raises(InputError) as caught:
        load(folders, **environ)
    assert words in str(caught.value)
    assert "fieldwise config show" in caught.value.next_step


def test_a_wrong_value_in_a_file_is_named_with_the_file(folders: Folders) -> None:
    (folders[0] / "fieldwise.toml").write_text('max_pages = "many"', encoding="utf-8")
    with pytest.raises(InputError, match=r"fieldwise\.toml\) is wrong"):
        load(folders)


def test_an_unknown_setting_in_a_file_is_an_error_that_names_the_known_ones(folders: Folders) -> None:
    (folders[0] / "fieldwise.toml").write_text('modle = "embedded"', encoding="utf-8")
    with pytest.raises(InputError, match=r"fieldwise\.toml has an unknown setting 'modle'") as caught:
        load(folders)
    assert "model" in caught.value.next_step


def test_an_unknown_setting_of_a_call_is_an_error(folders: Folders) -> None:
    with pytest.raises(InputError, match="unknown setting 'modle'"):
        load(folders, {"modle": "embedded"})


@pytest.mark.parametrize(
    ("content", "words"), [(b"model = ", "is not TOML"), (b"\xff\xfe", "could not be read"), (b"[table", "is not TOML")]
)
def test_a_file_that_is_no_toml_is_an_error_that_names_it(folders: Folders, content: bytes, words: str) -> None:
    path = folders[0] / "fieldwise.toml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        load(folders)
    assert str(path) in str(caught.value)


def test_a_folder_in_a_settings_files_place_is_an_error(folders: Folders) -> None:
    (folders[0] / "fieldwise.toml").mkdir()
    with pytest.raises(InputError, match="could not be read"):
        load(folders)


def test_settings_are_values() -> None:
    settings = Settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.model = "another"
    assert all(field.description for field in Settings.model_fields.values())
