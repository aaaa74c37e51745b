"""The workspace `.local/`: everything that a local run leaves on disk, none of it precious.

It may be deleted at any time: a run takes only hints from it (a pid, a log's path) and checks each against what really runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Workspace:
    """Paths below one project's workspace. Nothing is created until `prepare`."""

    project: Path

    @property
    def folder(self) -> Path:
        return self.project / ".local"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def service_logs(self) -> Path:
        """What each service wrote, for after its containers are gone."""
        return self.logs / "services"

    @property
    def pids(self) -> Path:
        return self.folder / "pids"

    @property
    def mesh(self) -> Path:
        """The mesh, for the emulator's process."""
        return self.folder / "mesh.json"

    @property
    def home(self) -> Path:
        """HOME of every child process: no real credentials, no real configuration."""
        return self.folder / "home"

    def prepare(self) -> None:
        """Create what is missing."""
        for folder in (self.folder, self.logs, self.pids, self.home):
            folder.mkdir(parents=True, exist_ok=True)

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def read_pid(self, name: str) -> int | None:
        """The process id kept under `name`, None if there is none or the file is damaged."""
        try:
            return int((self.pids / name).read_text().strip())
        except (OSError, ValueError):
            return None

    def write_pid(self, name: str, pid: int) -> None:
        self.pids.mkdir(parents=True, exist_ok=True)
        (self.pids / name).write_text(f"{pid}\n")

    def forget_pid(self, name: str) -> None:
        (self.pids / name).unlink(missing_ok=True)
