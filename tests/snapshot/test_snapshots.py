"""One snapshot a stack for both environments: a red one means that something changed for a user."""

from __future__ import annotations

import copy
import difflib
import json
import re
from collections.abc import Callable

import pytest

from tests.snapshot.normalise import normalised, without_hashes
from tests.stacks.templates import Assembly


def test_templates_are_as_they_were_when_last_agreed_on(environment, root, request):
    """After a wanted change: `make snapshots`, then read the diff."""
    folder = root / "tests" / "snapshot" / "templates" / environment.settings.environment
    current = {f"{stack}.yaml": normalised(environment, stack) for stack in environment.stacks}
    if request.config.getoption("--update-snapshots"):
        folder.mkdir(parents=True, exist_ok=True)
        for stale in folder.glob("*.yaml"):
            if stale.name not in current:
                stale.unlink()
        for name, text in current.items():
            (folder / name).write_text(text, encoding="utf-8")
    agreed = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.yaml"))}
    changes = [
        line
        for name in sorted({*agreed, *current})
        for line in difflib.unified_diff(
            agreed.get(name, "").splitlines(), current.get(name, "").splitlines(), name, name, lineterm="", n=2
        )
    ]
    if changes:
        pytest.fail("\n".join(["templates changed; if that was wanted: make snapshots", *changes[:200]]), pytrace=False)


def test_a_snapshot_holds_no_hash_of_a_content(environment):
    for stack in environment.stacks:
        assert not re.search(r"[0-9a-f]{40}", normalised(environment, stack)), stack


def test_hashes_are_hidden_and_a_changed_memory_size_is_not(sandbox):
    before = normalised(sandbox, "Ecs-tracking")
    rebuilt = _with(sandbox, lambda text: re.sub(r"[0-9a-f]{64}", "0" * 64, text))
    larger = _with(sandbox, lambda text: text.replace('"Memory": "512"', '"Memory": "1024"'))
    assert normalised(rebuilt, "Ecs-tracking") == before
    compared = difflib.ndiff(before.splitlines(), normalised(larger, "Ecs-tracking").splitlines())
    assert [line for line in compared if line[0] in "+-"] == ["-       Memory: '512'", "+       Memory: '1024'"]


def _with(assembly: Assembly, change: Callable[[str], str]) -> Assembly:
    """The assembly with its template of tracking changed as text."""
    changed = copy.copy(assembly)
    text = json.dumps(assembly.templates["Ecs-tracking"])
    new = change(text)
    assert new != text
    changed.__dict__.pop("_resources", None)
    changed.templates = {**assembly.templates, "Ecs-tracking": json.loads(new)}
    return changed


def test_a_number_or_a_name_is_no_hash():
    for text in ("10.20.0.0/16", "65532:65532", "Table" + "A563C38D", "arn:aws:iam::123456789012:role/x", "f" * 63):
        assert without_hashes(text) == text
