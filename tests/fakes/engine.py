"""A container engine whose client is a shell script: it records its calls and answers as the test says."""

from __future__ import annotations

from pathlib import Path

from ops.local.engine import Engine

_HOLDS = (
    '[ "$2" = inspect ] || exit 0; '
    'for n in "$@"; do [ "$n" = image ] || [ "$n" = inspect ] || grep -qxF "$n" {folder}/held || exit 1; done'
)


class FakeEngine:
    """Every verb succeeds silently unless the test scripts it; holds no image."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._client = folder / "docker"
        self._calls = folder / "calls"
        self._held = folder / "held"
        self._scripts = {"image": _HOLDS.format(folder=folder)}
        self.holds()
        self._write()

    @property
    def engine(self) -> Engine:
        return Engine(self._client, "unix:///x", "1", "amd64", needs_buildkit_flag=True)

    def answers(self, verb: str, script: str) -> None:
        """Run this shell script for a verb of the client, e.g. `build`; its arguments begin with the verb."""
        self._scripts[verb] = script
        self._write()

    def holds(self, *names: str) -> None:
        """Have images of these names, and no others."""
        self._held.write_text("\n".join(names) + "\n")

    def calls(self, verb: str) -> list[str]:
        """The command lines of a verb so far."""
        lines = self._calls.read_text().splitlines() if self._calls.exists() else []
        return [line for line in lines if line.split(" ", 1)[0] == verb]

    def _write(self) -> None:
        cases = "\n".join(f"{verb}) {script};;" for verb, script in self._scripts.items())
        self._client.write_text(f'#!/bin/sh\necho "$@" >> {self._calls}\ncase "$1" in\n{cases}\nesac\n')
        self._client.chmod(0o755)
