"""docs/ says what the models say, and the schema judges manifests as the loader does."""

from __future__ import annotations

import json

import pytest
import yaml
from jsonschema import Draft202012Validator

from config import schema
from config.service import ServiceSpec
from config.settings import Settings
from config.validation import visible_fields
from tests.unit.config.project import ROOT, Project
from tests.unit.config.test_service import OVERRIDDEN, RIGHT, WRONG

VALIDATOR = Draft202012Validator(schema.service_schema())


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (schema.SCHEMA_FILE, schema.schema_text()),
        (schema.MANIFEST_FILE, schema.manifest_markdown()),
        (schema.SETTINGS_FILE, schema.settings_markdown()),
    ],
)
def test_what_is_in_docs_is_what_the_models_say(file, text):
    current = (ROOT / file).read_text(encoding="utf-8")
    assert current == text, f"{file} is stale: run `python -m config.schema` and `python -m config.schema --markdown`"


def test_the_schema_is_one():
    Draft202012Validator.check_schema(schema.service_schema())
    assert schema.service_schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("manifest", [*RIGHT, OVERRIDDEN])
def test_the_schema_takes_every_right_manifest(manifest):
    assert [error.message for error in VALIDATOR.iter_errors(manifest)] == []


def test_the_schema_takes_every_manifest_of_this_repository():
    for path in sorted((ROOT / "services").glob("*/service.yaml")):
        errors = [
            f"{path}: {e.json_path}: {e.message}" for e in VALIDATOR.iter_errors(yaml.safe_load(path.read_text()))
        ]
        assert errors == []


SEEN_IN_AN_EDITOR = (
    "is unknown", "is missing", "out of range", "not a whole number", "not text", "not a list", "not a mapping",
    "means nothing for kind", "write one of http", "twice", "is an empty list", "which does not fit",
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
def test_the_schema_refuses_what_a_schema_can_see(manifest):
    assert list(VALIDATOR.iter_errors(manifest))


@pytest.mark.parametrize(
    "overrides", [{"sandbox": {"prot": 1}}, {"sandbox": {"port": 80}}, {"sandbox": {"scaling": {"maximum": 2}}}, ["x"]]
)
def test_the_schema_refuses_wrong_overrides(overrides):
    assert list(VALIDATOR.iter_errors({**OVERRIDDEN, "overrides": overrides}))


def test_every_key_of_a_manifest_is_described_in_an_editor():
    properties = schema.service_schema()["properties"]
    assert set(properties) == {*visible_fields(ServiceSpec), "overrides"}
    assert all(definition["description"] for definition in properties.values())
    assert "name" not in properties


@pytest.mark.parametrize(
    ("text", "model"), [(schema.manifest_markdown(), ServiceSpec), (schema.settings_markdown(), Settings)]
)
def test_every_key_has_a_row_in_the_tables(text, model):
    for name in visible_fields(model):
        assert f"\n| `{name}` | " in text


def test_the_tables_are_tables():
    for text in (schema.manifest_markdown(), schema.settings_markdown()):
        columns = 0
        for line in text.splitlines():
            columns = (
                line.count("|") if line.startswith("|") and columns == 0 else columns if line.startswith("|") else 0
            )
            assert line.count("|") == columns or not line.startswith("|")


def test_the_command_writes_the_files(project: Project, capsys):
    assert schema.main(["--root", str(project.root)]) == 0
    assert schema.main(["--root", str(project.root), "--markdown"]) == 0
    assert capsys.readouterr().out.splitlines() == [schema.SCHEMA_FILE, schema.MANIFEST_FILE, schema.SETTINGS_FILE]
    assert json.loads((project.root / schema.SCHEMA_FILE).read_text()) == schema.service_schema()
