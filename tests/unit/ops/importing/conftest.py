"""Imports a text and reads back what was written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from config.strict_yaml import read_mapping
from ops.importing.command import Imported, read

KNOWN = ("production", "sandbox")


@dataclass
class Result:
    """What a text became: the fields of each service as the project's own reader reads them, and the comments."""

    imported: Imported
    services: dict[str, dict[str, Any]]

    @property
    def only(self) -> dict[str, Any]:
        (fields,) = self.services.values()
        return fields

    @property
    def text(self) -> str:
        """All manifests, with wrapped comments put together."""
        return "".join(self.imported.manifests.values()).replace("\n#     ", " ").replace("\n#   ", "\n# ")


@pytest.fixture
def imports(tmp_path):
    """Import a text, as a file of that name; its services without their descriptions."""

    def run(text: str, *, file: str = "file.yaml", **options) -> Result:
        source = tmp_path / file
        source.write_text(text, "utf-8")
        imported = read(str(source), KNOWN, **options)
        services = {}
        for name, manifest in imported.manifests.items():
            written = tmp_path / f"{name}.written.yaml"
            written.write_text(manifest, "utf-8")
            services[name] = read_mapping(written, "written")
            assert services[name].pop("description")
        return Result(imported, services)

    return run
