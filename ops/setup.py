"""Sets up `.venv` and `node_modules`, and repairs them when they no longer match the lock files.

    python3 ops/setup.py [--check] runtime|local|dev

The Makefile runs this before its targets, by path and on a bare Python, so it imports only the standard library. With --check
it changes nothing, takes about 50 ms, and exits with 1 if there is work to do.

Each set of packages leaves a stamp with its place, Python, lock file and contents. A changed lock file means one more
`pip install`; a moved folder, a missing interpreter or an unfinished set-up means a new .venv, because pip takes a
half-installed package for a complete one.
"""
# Over 300 lines: it runs before any package can be imported, so all of set-up is in one file.

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

# What is installed and from which files, in the order in which the sets build on each other.
SETS = {
    "runtime": ("Python packages for synth and deploy", ("requirements.txt",)),
    "local": ("the emulated AWS", ("requirements-local.txt",)),
    "dev": ("test tools and checkers", ("requirements-dev.txt",)),
    "node": ("CDK CLI", ("package.json", "package-lock.json")),
}
PYTHON_SETS = ("runtime", "local", "dev")
# The caller's variables that would put packages elsewhere, or leave some out. Registries, proxies and certificates are kept.
# https://pip.pypa.io/en/stable/topics/configuration/  https://docs.npmjs.com/cli/v11/using-npm/config
MISLEADING = re.compile(
    r"PYTHON(?!UTF8|IOENCODING|UNBUFFERED)\w*|VIRTUAL_ENV|NODE_(PATH|ENV)"
    r"|PIP_(USER|TARGET|PREFIX|ROOT|DRY_RUN|NO_DEPS|CONSTRAINT|REQUIREMENT|PYTHON|REPORT|NO_BINARY|QUIET|VERBOSE|LOG)"
    r"|npm_config_(global|location|(local_)?prefix|dry_run|omit|include|only|production|workspaces?|package_lock\w*|bin_links|json)",
    re.IGNORECASE,
)
# Not compiled: modules are compiled when first imported, and the app runs with -O, which pip does not compile for.
PIP_INSTALL = ("install", "--require-hashes", "--no-compile", "--no-user", "--no-warn-script-location", "--quiet", "-r")
NEW = "not set up yet"
LIGHT = re.compile(r"(bin/)?(pip|python)|.*\.dist-info$")  # files that `venv` and `pip install` restore


class SetupError(Exception):
    """One line: what is wrong; what to do."""


class Finished(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    output: str

    def reason(self) -> str:
        """The line that names the cause; for a network failure that is the failed request, not what pip or npm conclude."""
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        network = re.findall(r"(?<=connection broken by ).*|request to .*", self.output)
        errors = [line for line in lines if re.match("error|npm err", line, re.IGNORECASE) and "debug-" not in line]
        return (network or errors or lines or ["it printed nothing"])[-1]


def run(command: list[str], environment: Mapping[str, str]) -> Finished:
    """Runs a command to completion. Keeps the output in memory, as the disk may be full."""
    import subprocess  # noqa: PLC0415 - a check runs no command, and this import is a third of its time

    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            check=False, encoding="utf-8", errors="replace",
        )  # fmt: skip
    except OSError as error:
        return Finished(127, f"{command[0]}: {error.strerror}")
    return Finished(done.returncode, done.stdout)


def say(line: str) -> None:
    """Prints progress to stderr: stdout belongs to the target, and `make synth | head` may close it at any time."""
    print(line, file=sys.stderr, flush=True)


class Setup:
    """The set-up of one project folder."""

    def __init__(self, root: Path, runner: Callable[[list[str], Mapping[str, str]], Finished] = run) -> None:
        self._root, self._run = root, runner
        self._venv = root / ".venv"
        self._bin = self._venv / "bin"
        self._cli = root / "node_modules" / "aws-cdk"
        # In an activated .venv, the Python behind it.
        base = Path(getattr(sys, "_base_executable", None) or sys.executable)
        self._python = base.resolve() if base.is_relative_to(self._venv) else base

    def wants(self, level: str) -> dict[str, str]:
        """The sets to install for `runtime`, `local` or `dev`, each with the reason. Changes nothing."""
        chain = [*PYTHON_SETS[: PYTHON_SETS.index(level) + 1], "node"]
        if os.path.lexists(self._venv) and not os.access(self._venv, os.W_OK):
            return dict.fromkeys(chain, "it cannot be written")
        lacking = {name: self._lacks(name) for name in chain}
        unusable = self._unusable()
        return {name: reason for name in chain if (reason := unusable or lacking[name])}

    def prepare(self, level: str) -> None:
        """Installs a set, and those it builds on, as the lock files say. Raises SetupError with the reason if it cannot."""
        started = time.monotonic()
        with self._locked():
            wanted = self.wants(level)
            if not wanted:
                return
            self._check_owner()
            self._make_venv(next(iter(wanted.values())))
            for name in self.wants(level):
                if name in self.wants(level):  # installing one set may have restored another
                    self._install(name)
        say(f"Set up in {time.monotonic() - started:.0f} s")

    def _unusable(self) -> str | None:
        """Why .venv has to be made from scratch; None if it can be used."""
        runtime = self._stamp("runtime")
        config = self._venv / "pyvenv.cfg"  # without it, pip would install for the whole machine
        if not runtime or not config.is_file() or any(self._stamp(name) == [] for name in PYTHON_SETS):
            return "the last set-up did not finish" if os.path.lexists(self._venv) else NEW
        if runtime[0] != os.path.realpath(self._venv):
            return "the folder was moved or copied"
        if runtime[1] != self._interpreter():
            return "the Python it was made with is gone"
        missing = {name for level in PYTHON_SETS for name in self._missing(level)}
        if any(name.endswith(".dist-info") for name in missing) or all(LIGHT.match(name) for name in missing):
            return None
        return "packages are missing"

    def _lacks(self, name: str) -> str | None:
        """Why a set has to be installed into a usable .venv; None if it is complete."""
        stamp, locks = self._stamp(name), self._locks(name)
        if not stamp:
            return NEW
        if stamp[2] != locks:
            return "the lock file changed"
        return "something is missing" if self._missing(name) else None

    def _missing(self, name: str) -> set[str]:
        stamp = self._stamp(name)
        return set(stamp[3:]) - self._contents(name) if stamp else set()

    def _contents(self, name: str) -> set[str]:
        """Everything installed, down to the level at which an installer adds it."""
        if name == "node":
            linked = {"bin/cdk"} if os.access(self._bin / "cdk", os.X_OK) else set()
            start = len(str(self._cli))
            return linked | {f"{top[start:]}/{file}" for top, _, files in os.walk(self._cli) for file in files}
        packages = [file.name for file in self._venv.glob("lib/python*/site-packages/*")]
        programs = [f"bin/{file.name}" for file in self._bin.glob("*") if os.access(file, os.X_OK)]
        return {*packages, *programs} - {"__pycache__", "bin/__pycache__", "bin/cdk"}

    def _stamp(self, name: str) -> list[str] | None:
        """The lines of a stamp: None if the set was never installed, empty if that did not finish."""
        try:
            return (self._venv / f"set-up.{name}").read_text(encoding="utf-8").splitlines()
        except OSError:
            return None

    def _write_stamp(self, name: str, lines: list[str] | None) -> None:
        """Writes or, for None, removes a stamp; atomically, so that none is half written."""
        file = self._venv / f"set-up.{name}"
        if lines is None:
            file.unlink()
            return
        new = file.with_suffix(".new")
        new.write_text("\n".join(lines), encoding="utf-8")
        new.replace(file)

    def _locks(self, name: str) -> str:
        digest = hashlib.sha256()
        for file in SETS[name][1]:
            try:
                digest.update((self._root / file).read_bytes())
            except OSError as error:
                raise SetupError(f"{file}: cannot be read ({error.strerror}); `git checkout {file}`") from None
        return digest.hexdigest()

    def _interpreter(self) -> str:
        """The Python behind .venv, whose path names its version; empty if it is gone."""
        program = os.path.realpath(self._bin / "python")
        return program if os.access(program, os.X_OK) else ""

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """A second `make` in the same folder waits."""
        with (self._root / "Makefile").open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("Waiting for another set-up in this folder")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _check_owner(self) -> None:
        if not os.access(self._root, os.W_OK):
            raise SetupError(f"{self._root}: belongs to {_owner(self._root)}; run make in your own clone")
        libraries = self._venv.glob("lib/python*/site-packages")
        for path in (self._venv, self._bin, *libraries, self._cli.parent, self._cli):
            if path.exists() and not os.access(path, os.W_OK):
                top = path.relative_to(self._root).parts[0]
                raise SetupError(f"{top}: belongs to {_owner(path)}; run make as {_owner(path)}, or remove {top} first")

    def _make_venv(self, reason: str) -> None:
        """Makes a virtual environment with a working pip; leaves a good one alone."""
        unusable = self._unusable()
        if os.path.lexists(self._venv) and reason != NEW:
            say(f"Setting up {'from scratch' if unusable else 'again'}: {reason}")
        if unusable:
            _remove(self._venv)
        for _ in range(3):
            if self._pip("--version").code == 0:
                return
            if any(
                self._venv.glob("lib/python*/site-packages/pip-*")
            ):  # half of pip, which `venv` would leave as it is
                _remove(self._venv)
            made = self._run([str(self._python), "-m", "venv", str(self._venv)], self._environment())
            if made.code:
                _remove(self._venv)
                if re.search("ensurepip|No module named venv", made.output):
                    raise SetupError("python3 has no venv module; on Debian and Ubuntu: apt-get install python3-venv")
                raise SetupError(f".venv: python3 -m venv failed: {made.reason()}; fix that and run it again")
        raise SetupError(f"{self._python} makes no working pip; use another Python: make PYTHON=python3.12 ...")

    def _install(self, name: str) -> None:
        title, files = SETS[name]
        lock, tool = files[-1], "npm" if name == "node" else "pip"
        say(f"Setting up: {title} ({lock})")
        kept, before = self._stamp(name), self._contents(name)
        self._write_stamp(name, [])
        done = self._npm() if name == "node" else self._pip(*PIP_INSTALL, str(self._root / lock))
        with contextlib.suppress(OSError):  # if the disk is full, the error below says so
            (self._venv / f"{tool}.log").write_text(done.output, encoding="utf-8")
        if done.code:
            if self._contents(name) == before:
                self._write_stamp(name, kept)  # nothing was installed, so nothing is half done
            raise SetupError(f"{lock}: {tool} failed: {done.reason()}; fix that and run it again (.venv/{tool}.log)")
        place = [os.path.realpath(self._venv), self._interpreter(), self._locks(name)]
        self._write_stamp(name, place + sorted(self._contents(name)))

    def _pip(self, *arguments: str) -> Finished:
        command = [str(self._bin / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input"]
        return self._run([*command, *arguments], self._environment())

    def _npm(self) -> Finished:
        quick = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]
        command = [str(self._bin / "npm"), "ci", "--prefix", str(self._root), *quick]
        if self._cli.parent.is_symlink():  # npm would empty another folder's
            _remove(self._cli.parent)
        done = self._run(command, self._environment())
        if done.code == 0:
            (self._bin / "cdk").unlink(missing_ok=True)
            (self._bin / "cdk").symlink_to("../../node_modules/aws-cdk/bin/cdk")
            if not os.access(self._bin / "cdk", os.X_OK):
                return Finished(1, "npm reported no error but left no node_modules/aws-cdk")
        return done

    def _environment(self) -> dict[str, str]:
        """The caller's variables, without those that mislead pip and npm; the .venv's Node comes first."""
        kept = {name: value for name, value in os.environ.items() if not MISLEADING.fullmatch(name)}
        return {**kept, "PATH": os.pathsep.join([str(self._bin), kept.get("PATH", os.defpath)])}


def _owner(path: Path) -> str:
    try:
        return path.owner()
    except KeyError:
        return f"user {path.stat().st_uid}"


def _remove(path: Path) -> None:
    """Removes a folder, or the link if it is one."""
    import shutil  # noqa: PLC0415 - see run

    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def main(arguments: list[str]) -> int:
    """Exit code 0: everything is set up; 1: it is not, or cannot be; 130: interrupted."""
    setup = Setup(Path(__file__).resolve().parents[1])
    try:
        if arguments[0] == "--check":
            return 1 if setup.wants(arguments[1]) else 0
        setup.prepare(arguments[0])
    except SetupError as error:
        say(f"error: {error}")
        return 1
    except OSError as error:
        say(f"error: {error.filename or 'set-up'}: {error.strerror}; fix that and run it again")
        return 1
    except KeyboardInterrupt:
        say("\nerror: set-up interrupted; run the same command again")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
