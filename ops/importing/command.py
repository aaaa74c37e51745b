"""`python -m ops import PATH`: finds out what a file is, and writes a service.yaml for each service in it."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from config.discovery import check_name, manifest_file
from config.errors import ConfigError, one_line
from config.manifest import load_service
from config.settings import environments
from ops.errors import OpsError
from ops.importing import compose, copilot, kubernetes
from ops.importing.draft import Draft
from ops.importing.ledger import Count, Ledger, Note, dotted
from ops.importing.reading import documents, read_text
from ops.importing.writer import render
from ops.say import Say

_WHAT: Final = "a Copilot manifest, a compose file or Kubernetes manifests"
# Characters of what a message repeats from a file.
_LONGEST_LINE: Final = 200


@dataclass(frozen=True)
class Imported:
    """What was found in a file: a manifest for each service, and lines about what is none."""

    drafts: list[Draft]
    manifests: dict[str, str]
    lines: list[str]
    count: Count


def run(root: Path, path: str, say: Say, *, service: str | None, name: str | None, dry_run: bool) -> None:
    """Import and write, or print. Raises OpsError; then nothing is written."""
    if name:
        check_name(name)
    imported = read(path, environments(root), service=service, name=name)
    for draft in () if dry_run else imported.drafts:
        _refuse_taken(root, draft.name)
    if not dry_run:
        _write({root / manifest_file(name): text for name, text in imported.manifests.items()})
    for draft in imported.drafts:
        if dry_run:
            say.line(f"# --- {manifest_file(draft.name)}")
            say.line(imported.manifests[draft.name])
            continue
        comments = _comments(imported.manifests[draft.name])
        say.line(f"wrote {manifest_file(draft.name)}: {draft.fields['kind']}, {comments} comments to read")
        for line in _next(root, draft):
            say.note(line)
    if not dry_run:
        for line in (*imported.lines, summary(imported.count)):
            say.line(line)


def read(path: str, known: tuple[str, ...], *, service: str | None = None, name: str | None = None) -> Imported:
    """What a file, a folder of files or '-' for standard input holds. Raises OpsError for anything that is none of the three."""
    text, shown, folder = _text(path)
    found = documents(text, shown)
    ledgers: list[tuple[Ledger, Any]] = []
    lines: list[str] = []
    if len(found) == 1 and copilot.recognizes(found[0]):
        ledger = Ledger()
        drafts = copilot.drafts(found[0], ledger, shown, known)
        ledgers = [(ledger, found[0])]
    elif len(found) == 1 and compose.recognizes(found[0]):
        filled = compose.interpolated(found[0], _dot_env(folder))
        ledger = Ledger()
        drafts, lines = compose.drafts(filled, ledger)
        ledgers = [(ledger, filled)]
    elif found and any(kubernetes.recognizes(document) for document in found):
        objects = kubernetes.flat(found)
        ledger = Ledger()
        drafts, lines = kubernetes.drafts(objects, ledger)
        ledgers = [(ledger, objects)]
    else:
        raise OpsError(f"{shown}: is not {_WHAT}; name such a file", exit_code=2)
    for ledger, document in ledgers:
        ledger.settle(document)
    count = sum((ledger.count(document) for ledger, document in ledgers), Count())
    return _chosen(drafts, lines, count, shown, service, name)


def _chosen(
    drafts: list[Draft], lines: list[str], count: Count, shown: str, service: str | None, name: str | None
) -> Imported:
    if service:
        chosen = [draft for draft in drafts if draft.name == service]
        if not chosen:
            there = ", ".join(draft.name for draft in drafts) or "none"
            raise OpsError(f"{shown}: has no service {service}; name one of: {there}", exit_code=2)
        drafts = chosen
    if not drafts:
        raise OpsError(f"{shown}: has no service to write; {_first(lines)}", exit_code=2)
    names = [draft.name for draft in drafts]
    twice = next((one for one in names if names.count(one) > 1), None)
    if twice:
        raise OpsError(f"{shown}: has two services that would both be {twice}; import one after the other", exit_code=2)
    if name and len(drafts) > 1:
        raise OpsError(
            f"{shown}: has {len(drafts)} services; choose one with --service to give it a --name", exit_code=2
        )
    if name:
        drafts[0].name = name
    strays = [note for note in drafts[0].ledger.notes if not any(draft.owns(note.path) for draft in drafts)]
    lines = lines + [
        f"not carried over: {dotted(note.path)}: {note.problem}; {note.remedy}" for note in strays if not service
    ]
    manifests = {d.name: render(d, source=Path(shown).name, notes=_notes_of(d)) for d in drafts}
    return Imported(drafts, manifests, lines, count)


def _first(lines: list[str]) -> str:
    return textwrap.shorten(one_line(lines[0]), _LONGEST_LINE, placeholder="...") if lines else f"name {_WHAT}"


def _notes_of(draft: Draft) -> list[Note]:
    return [note for note in draft.ledger.notes if draft.owns(note.path)]


def _text(path: str) -> tuple[str, str, Path | None]:
    if path == "-":
        return sys.stdin.read(), "standard input", None
    place = Path(path)
    shown = one_line(path)
    if not place.is_dir():
        return read_text(place), shown, place.parent
    if (place / "Chart.yaml").is_file():
        raise OpsError(
            f"{shown}: is a Helm chart; run `helm template NAME {shown} | python -m ops import -`", exit_code=2
        )
    files = sorted(file for file in place.iterdir() if file.suffix in (".yaml", ".yml") and file.is_file())
    if not files:
        raise OpsError(f"{shown}: has no .yaml file; name {_WHAT}", exit_code=2)
    parts = [read_text(file) for file in files if file.name not in ("kustomization.yaml", "kustomization.yml")]
    return "\n---\n".join(parts), shown, place


def _dot_env(folder: Path | None) -> dict[str, str]:
    """The variables of the .env file beside a compose file, which compose fills in too."""
    file = folder / ".env" if folder else None
    if not file or not file.is_file():
        return {}
    pairs = (
        line.partition("=")
        for line in read_text(file).splitlines()
        if "=" in line and not line.lstrip().startswith("#")
    )
    return {name.strip(): value.strip().strip("'\"") for name, _, value in pairs}


def _refuse_taken(root: Path, name: str) -> None:
    check_name(name)
    if (root / manifest_file(name)).exists():
        raise OpsError(
            f"{manifest_file(name)}: is there already; remove it, or write under another --name", exit_code=2
        )


def _next(root: Path, draft: Draft) -> list[str]:
    folder = root / "services" / draft.name
    lines = []
    if "image" not in draft.fields and not (folder / "Dockerfile").exists():
        origin = f" from {draft.files[0]}" if draft.files else ""
        lines.append(
            f"next: copy the Dockerfile and what it needs{origin} to services/{draft.name}, with a .dockerignore"
        )
    try:
        load_service(folder, "", environments(root))
    except ConfigError as error:
        lines.append(f"to mend: {error}")
    return lines


def _write(texts: Mapping[Path, str]) -> None:
    """All of these files, or none if one cannot be written."""
    with ExitStack() as undo:
        for file, text in texts.items():
            if not file.parent.exists():
                file.parent.mkdir(parents=True)
                undo.callback(file.parent.rmdir)
            with file.open("x", encoding="utf-8") as out:
                undo.callback(file.unlink)
                out.write(text)
        undo.pop_all()


def _comments(text: str) -> int:
    return sum(line.startswith("# ") and not line.startswith("#     ") for line in text.splitlines()) - 1


def summary(count: Count) -> str:
    """One line on how much came over."""
    over = count.carried + count.guessed
    share = round(100 * over / count.meant) if count.meant else 100
    return f"{over} of {count.meant} fields carried over ({share} %), {count.guessed} with a guess; comments say which"
