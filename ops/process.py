"""Runs child processes: arguments as a list, an explicit environment, output kept for the error line.

Each child runs in its own session and is tracked, so Ctrl-C reaches only us: we end all children once, in the order we
choose, whether the signal came from a terminal or from another program.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_running: set[subprocess.Popen[str]] = set()
_running_lock = threading.Lock()


@dataclass(frozen=True)
class Finished:
    """How a child ended; `code` 127 means that the program does not exist or cannot be run."""

    code: int
    out: str
    err: str

    @property
    def ok(self) -> bool:
        return self.code == 0

    def last_line(self) -> str:
        """The last non-empty line of stderr, else of stdout: what a person would read first."""
        for text in (self.err, self.out):
            lines = [line.strip() for line in text.splitlines() if line.strip()]
            if lines:
                return lines[-1]
        return f"exit code {self.code}"


def capture(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float | None = None,
    stdin: str | None = None,
) -> Finished:
    """Run to completion and capture both outputs as text. `timeout` in seconds; code 124 if it is exceeded."""
    try:
        child = subprocess.Popen(
            [str(part) for part in argv],
            env=None if env is None else dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        return Finished(127, "", f"{argv[0]}: {error.strerror or error}")
    with _Tracked(child):
        try:
            out, err = child.communicate(stdin, timeout)
        except subprocess.TimeoutExpired:
            _end(child)
            return Finished(124, "", f"no answer within {timeout:g} s")
    return Finished(child.returncode, out, err)


def stream(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    cwd: Path,
    log: Path,
    on_line: Callable[[str], None] = lambda line: None,
) -> Finished:
    """Run to completion, writing both outputs to `log` as they arrive and passing each line to `on_line`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    try:
        child = subprocess.Popen(
            [str(part) for part in argv],
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        return Finished(127, "", f"{argv[0]}: {error.strerror or error}")
    with _Tracked(child), log.open("w") as sink:
        for line in child.stdout or ():
            sink.write(line)
            sink.flush()
            lines.append(line)
            on_line(line.rstrip())
        child.wait()
    return Finished(child.returncode, "".join(lines), "")


class _Tracked:
    """Tracks a child while it runs, and ends it if the block is left early."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self._child = child

    def __enter__(self) -> None:
        with _running_lock:
            _running.add(self._child)

    def __exit__(self, *_: object) -> None:
        if self._child.poll() is None:
            _end(self._child)
        with _running_lock:
            _running.discard(self._child)


def _end(child: subprocess.Popen[str]) -> None:
    """SIGTERM to the child's whole session, then SIGKILL."""
    for signum, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(child.pid, signum)
        except (ProcessLookupError, PermissionError):
            break
        try:
            child.wait(patience)
            break
        except subprocess.TimeoutExpired:
            continue


def end_children() -> None:
    """End every running child; for Ctrl-C while worker threads wait for theirs."""
    with _running_lock:
        children = list(_running)
    for child in children:
        _end(child)


def spawn_daemon(argv: Sequence[str | Path], *, env: Mapping[str, str], log: Path, cwd: Path) -> int:
    """Start a process in its own session, so that it survives Ctrl-C and the end of the shell.

    Both outputs go to `log`. Returns the process id.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as sink:
        child = subprocess.Popen(
            [str(part) for part in argv],
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return child.pid


def alive(pid: int) -> bool:
    """True if the process is running; a zombie (ended, not yet reaped by us) is not."""
    try:
        collected, _ = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        collected = 0  # not our child: started by an earlier command
    if collected == pid:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def command_line(pid: int) -> str:
    """The arguments a process was started with, or an empty string; guards against a reused pid."""
    proc = Path(f"/proc/{pid}/cmdline")
    if proc.exists():
        return proc.read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    return capture(["ps", "-ww", "-o", "command=", "-p", str(pid)]).out.strip()


def stop(pid: int, *, grace: float) -> None:
    """SIGTERM, `grace` seconds, then SIGKILL; does nothing if the process is already gone."""
    for signum, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 5.0)):
        try:
            os.kill(pid, signum)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if not alive(pid):
                return
            time.sleep(0.05)
