"""One snapshot per stack, for both environments and the tests' own project (corners): a failure means that something changed
for a user.
"""

from __future__ import annotations

import copy
import difflib
import json
import re
from collections.abc import Callable

import pytest

from tests.snapshot.normalise import normalised, without_hashes
from tests.stacks.templates import Assembly


def test_templates_match_their_snapshots(assembly, root, request):
    """After a wanted change: `make snapshots`, then read the diff."""
    folder = root / "tests" / "snapshot" / "templates" / assembly.settings.environment
    current = {f"{stack}.yaml": normalised(assembly, stack) for stack in assembly.stacks}
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


def test_a_snapshot_holds_no_content_hash(assembly):
    for stack in assembly.stacks:
        assert not re.search(r"[0-9a-f]{40}", normalised(assembly, stack)), stack


def test_a_changed_hash_or_version_breaks_no_snapshot(sandbox):
    for stack in ("Ecs-tracking", "Network", "Eks"):
        rebuilt = _with(sandbox, stack, lambda text: re.sub(r"[0-9a-f]{64}", "0" * 64, text))
        assert normalised(rebuilt, stack) == normalised(sandbox, stack)
    newer = _with(sandbox, "Eks", lambda text: re.sub(r'"python3\.\d+"', '"python3.99"', text))
    assert normalised(newer, "Eks") == normalised(sandbox, "Eks")


def test_a_changed_memory_size_shows(sandbox):
    larger = _with(sandbox, "Ecs-tracking", lambda text: text.replace('"Memory": "512"', '"Memory": "1024"'))
    before, after = (normalised(a, "Ecs-tracking").splitlines() for a in (sandbox, larger))
    changes = [line for line in difflib.ndiff(before, after) if line[0] in "+-"]
    assert changes == ["-       Memory: '512'", "+       Memory: '1024'"]


def _with(assembly: Assembly, stack: str, change: Callable[[str], str]) -> Assembly:
    """The assembly with one template changed as text."""
    before = json.dumps(assembly.templates[stack])
    after = change(before)
    assert after != before
    changed = copy.copy(assembly)
    changed.__dict__.pop("_resources", None)
    changed.templates = {**assembly.templates, stack: json.loads(after)}
    return changed


def test_a_number_or_a_name_is_not_a_hash():
    for text in ("10.20.0.0/16", "65532:65532", "Table" + "A563C38D", "arn:aws:iam::123456789012:role/x", "f" * 63):
        assert without_hashes(text) == text
