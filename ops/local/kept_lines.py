"""A copy of what each service wrote, in the workspace: it outlives the containers, and the emulator with its CloudWatch Logs.

The emulator's process writes it while a container runs; `make logs` reads it once the deployment is gone.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LIMIT = 1_000_000  # bytes of a file; twice that is kept of a service
SHOWN = 200  # lines


def kept_name(service: str, sidecar: str) -> str:
    """The name under which a sidecar's lines are kept. No service's name has a dot."""
    return f"{service}.{sidecar}"


def sidecar_of(kept: str) -> str:
    """The sidecar whose lines are kept under a name; empty for a service's own."""
    return kept.partition(".")[2]


class KeptLines:
    """The last lines of every service, a file each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def append(self, service: str, written: bytes) -> None:
        """Keep what a container of the service wrote; the oldest goes where that gets too much."""
        path = self._path(service)
        with self._lock:
            self._folder.mkdir(parents=True, exist_ok=True)
            if path.exists() and path.stat().st_size > LIMIT:
                path.replace(self._earlier(service))
            with path.open("ab") as file:
                file.write(written)

    def services(self) -> list[str]:
        """Names of the services that wrote something."""
        return sorted(path.stem for path in self._folder.glob("*.log"))

    def last(self, service: str) -> list[str]:
        """The last lines of a service, SHOWN at most."""
        files = (self._earlier(service), self._path(service))
        text = b"".join(path.read_bytes() for path in files if path.exists())
        return text.decode(errors="replace").splitlines()[-SHOWN:]

    def forget(self) -> None:
        """Begin anew, with a new deployment."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, service: str) -> Path:
        return self._folder / f"{service}.log"

    def _earlier(self, service: str) -> Path:
        return self._folder / f"{service}.log.1"


class Copied:
    """Stands where the emulator expects a container whose output it forwards to CloudWatch Logs, and keeps a copy of it."""

    def __init__(self, container: Any, service: str, kept: KeptLines) -> None:
        self._container = container
        self._service = service
        self._kept = kept
        self._read = threading.Event()
        self.id: str = container.id

    def logs(self, **options: Any) -> Iterator[bytes]:
        """What the container writes, to its end."""
        try:
            for chunk in self._container.logs(**options):
                self._kept.append(self._service, chunk)
                yield chunk
        finally:
            self._read.set()

    def wait(self, seconds: float) -> None:
        """Return once all was read of a container that has ended, or after so many seconds."""
        self._read.wait(seconds)
