"""cfn-lint over templates, in processes of its own: it takes seconds to import and half a second for each template.

What it says of a template is kept in a file, by the template's content.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from ops.process import capture

# Rules that say nothing here, as in the tests (tests/stacks/test_cfn_lint.py, which has the reasons).
IGNORED: Final = ("W3005", "W3010", "W6001")

_WORKERS: Final = 2
_WORTH_ANOTHER: Final = 4  # templates; fewer are done before a second process has started
_LARGEST: Final = 1_000_000  # bytes that CloudFormation takes
_SECONDS: Final = 300.0
_KEPT: Final = 400  # templates in a store
_ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True, order=True)
class Fault:
    """What cfn-lint objects to.

    Attributes:
        rule: e.g. E3002; the letter says whether it is an error, a warning or information.
        path: where in the template, e.g. Resources/Topic/Properties/TopicNames.
        message: what is wrong.
    """

    rule: str
    path: str
    message: str


Faults = tuple[Fault, ...]


def lint(templates: Mapping[str, Path], *, region: str, store: Path) -> dict[str, Faults]:
    """What cfn-lint objects to in each template. A template that it cannot read, or whose check fails, is left out.

    Args:
        templates: files by any name.
        region: the region whose rules apply.
        store: the file that keeps results.
    """
    known = stored(templates, region=region, store=store)
    keys = {name: _key(path, region) for name, path in templates.items() if name not in known}
    # The same content under two names is read once.
    unknown = {key: templates[name] for name, key in keys.items() if key}
    checked = _checked(sorted(unknown.values()), region)
    found = {key: checked[path] for key, path in unknown.items() if path in checked}
    _keep(found, store)
    return known | {name: found[key] for name, key in keys.items() if key in found}


def stored(templates: Mapping[str, Path], *, region: str, store: Path) -> dict[str, Faults]:
    """What `lint` said of these templates before, whose content is still the same."""
    read = _read(store)
    found = {name: _faults(read.get(_key(path, region))) for name, path in templates.items()}
    return {name: faults for name, faults in found.items() if faults is not None}


def _read(file: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _keep(found: Mapping[str, Faults], store: Path) -> None:
    if not found:
        return
    new = {key: [astuple(fault) for fault in faults] for key, faults in found.items()}
    kept = {key: value for key, value in _read(store).items() if key not in new} | new
    written = store.with_name(f"{store.name}.new")
    try:
        store.parent.mkdir(parents=True, exist_ok=True)
        written.write_text(json.dumps(dict(list(kept.items())[-_KEPT:])), encoding="utf-8")
        written.replace(store)  # a reader sees all of it or none
    except OSError:
        pass  # a folder that is not ours to write to: the next run asks again


def _key(template: Path, region: str) -> str:
    """Changes with the template's content, with cfn-lint and with what it is asked; empty for a file that it does not read."""
    try:
        if template.stat().st_size > _LARGEST:
            return ""
        content = template.read_bytes()
    except OSError:
        return ""
    asked = (version("cfn-lint"), region, *IGNORED)
    return hashlib.sha256(b"\0".join([*map(str.encode, asked), content])).hexdigest()


def _checked(templates: Sequence[Path], region: str) -> dict[Path, Faults]:
    """What cfn-lint says of each file, in as many processes as pay off."""
    if not templates:
        return {}
    count = _WORKERS if len(templates) >= _WORTH_ANOTHER else 1
    shares = [templates[number::count] for number in range(count)]
    with ThreadPoolExecutor(count) as pool:
        results = list(pool.map(lambda share: _in_process(share, region), shares))
    return {path: faults for result in results for path, faults in result.items()}


def _in_process(templates: Sequence[Path], region: str) -> dict[Path, Faults]:
    command: list[str | Path] = [sys.executable, "-m", "ops.review.lint_process", region, *IGNORED, "--"]
    done = capture([*command, *(path.resolve() for path in templates)], cwd=_ROOT, timeout=_SECONDS)
    named = {str(path.resolve()): path for path in templates}
    found: dict[Path, Faults] = {}
    for line in done.out.splitlines():
        try:
            name, given = json.loads(line)
        except (ValueError, TypeError):
            continue
        faults = _faults(given)
        if faults is not None and name in named:
            found[named[name]] = faults
    return found


def _faults(given: Any) -> Faults | None:
    try:
        return tuple(sorted(Fault(*map(str, fault)) for fault in given)) if isinstance(given, list) else None
    except TypeError:
        return None
