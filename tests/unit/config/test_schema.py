"""docs/ matches the models, and the schema accepts and refuses the same manifests as the loader."""

from __future__ import annotations

import shutil

import pytest
import yaml
from jsonschema import Draft202012Validator

from config import schema
from config.errors import ConfigError
from config.reference import write_reference
from config.service import KINDS, manifest_fields
from config.settings import Settings
from config.tables import MANIFEST_FILE, SETTINGS_FILE, manifest_parts, settings_parts
from config.validation import visible_fields
from tests.unit.config.project import ROOT
from tests.unit.config.test_service import OVERRIDDEN, RIGHT, WRONG

VALIDATOR = Draft202012Validator(schema.service_schema())


FILES = (MANIFEST_FILE, SETTINGS_FILE, schema.SCHEMA_FILE)


@pytest.fixture
def documents(tmp_path):
    """A folder with the current documents."""
    (tmp_path / "docs").mkdir()
    for file in FILES:
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


def test_the_documents_match_the_models(documents):
    assert write_reference(documents) == [], "stale: run `make docs`"


def test_a_stale_document_is_updated_and_handwritten_parts_stay(documents):
    for file in FILES[:2]:
        text = (documents / file).read_text()
        (documents / file).write_text(text.replace("| --- |", "| ---- |") + "\nA sentence.\n")
    (documents / schema.SCHEMA_FILE).unlink()
    assert write_reference(documents) == list(FILES)
    assert all((documents / f).read_text() == (ROOT / f).read_text() + "\nA sentence.\n" for f in FILES[:2])


def test_a_document_without_its_markers_is_one_line(documents):
    (documents / SETTINGS_FILE).write_text("# Settings\n")
    with pytest.raises(ConfigError) as caught:
        write_reference(documents)
    assert str(caught.value) == (
        "docs/settings.md: settings: has no place in the document; put <!-- settings: written by `make docs` --> and "
        "<!-- end of settings --> where it belongs"
    )


def test_the_schema_is_valid():
    Draft202012Validator.check_schema(schema.service_schema())
    assert schema.service_schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("manifest", [*RIGHT, OVERRIDDEN])
def test_the_schema_accepts_every_valid_manifest(manifest):
    assert [error.message for error in VALIDATOR.iter_errors(manifest)] == []


def test_the_schema_accepts_every_manifest_of_this_repository():
    for path in sorted((ROOT / "services").glob("*/service.yaml")):
        errors = [
            f"{path}: {e.json_path}: {e.message}" for e in VALIDATOR.iter_errors(yaml.safe_load(path.read_text()))
        ]
        assert errors == []


SEEN_IN_AN_EDITOR = (
    "is unknown", "is missing", "out of range", "not a whole number", "not text", "not a list", "not a mapping",
    "means nothing for kind", "write one of http", "twice", "is an empty list", "which is not valid",
)  # fmt: skip


@pytest.mark.parametrize(
    "manifest",
    [
        m
        for m, message in WRONG
        if any(words in message for words in SEEN_IN_AN_EDITOR)
        and "overrides" not in m
        and "use cpu_target" not in message
    ],
)
def test_the_schema_refuses_every_fault_that_a_schema_can_express(manifest):
    assert list(VALIDATOR.iter_errors(manifest))


@pytest.mark.parametrize(
    "overrides", [{"sandbox": {"prot": 1}}, {"sandbox": {"port": 80}}, {"sandbox": {"scaling": {"maximum": 2}}}, ["x"]]
)
def test_the_schema_refuses_wrong_overrides(overrides):
    assert list(VALIDATOR.iter_errors({**OVERRIDDEN, "overrides": overrides}))


def test_every_key_of_a_manifest_is_described_in_an_editor():
    for model in KINDS.values():
        properties = schema.service_schema()["$defs"][model.__name__]["properties"]
        assert set(properties) == {*visible_fields(model), "overrides"}
        assert all(definition["description"] for definition in properties.values())
        assert "name" not in properties


def test_every_key_has_a_row_in_the_tables():
    for name in (*manifest_fields(), "overrides"):
        assert f"\n| `{name}` | " in manifest_parts()["fields"]
    for name in visible_fields(Settings):
        assert f"\n| `{name}` | " in settings_parts()["settings"]


def test_every_table_row_has_the_same_columns():
    for text in (*manifest_parts().values(), *settings_parts().values()):
        columns = 0
        for line in text.splitlines():
            columns = (
                line.count("|") if line.startswith("|") and columns == 0 else columns if line.startswith("|") else 0
            )
            assert line.count("|") == columns or not line.startswith("|")
