"""Generates documents from the models: the schema for editors, and the tables of fields and settings."""

from __future__ import annotations

from pathlib import Path

from config.documents import update
from config.schema import SCHEMA_FILE, schema_text
from config.tables import MANIFEST_FILE, SETTINGS_FILE, manifest_parts, settings_parts


def write_reference(root: Path) -> list[str]:
    """Updates the files; returns those that changed. Raises ConfigError if a document lacks its markers."""
    changed = [
        file
        for file, parts in ((MANIFEST_FILE, manifest_parts()), (SETTINGS_FILE, settings_parts()))
        if update(root, file, parts)
    ]
    schema = root / SCHEMA_FILE
    if not schema.exists() or schema.read_text(encoding="utf-8") != schema_text():
        schema.write_text(schema_text(), encoding="utf-8")
        changed.append(SCHEMA_FILE)
    return changed
