"""Runs the lab as a student would: every command, in order, in one shell, and compares its output with the lab's.

In the document a line `$ command` is typed (a line `> more` continues it) and the lines below are its output. In these `...`
stands for what differs between machines: within a line for any characters, alone on a line for any number of lines.
Runs of blanks count as one, so columns may have any width. A command must succeed unless the next one is `echo $?`.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.contract.harness import ROOT, docker, found_engine

LAB = ROOT / "docs/lab.md"
NEEDS_AWS = "<!-- needs AWS -->"
COMMAND_SECONDS = 1200  # the first build of an image on a loaded machine
DONE = "@@lab command ended with"
# What the lab creates in the engine. Exact names, since the engine is shared.
CONTAINERS = ("lab-alone", "lab-layer", "lab-greeting", "lab-web", "lab-quotes", "lab-tracking", "lab-old")
IMAGES = (
    *("lab-hello", "lab-web", "lab-tracking", "lab-tracking:changed", "lab-quotes"),
    *("lab-order:1", "lab-order:2", "lab-old", "lab-older"),
)
NETWORKS = ("lab-net",)
# The commands of the course's module, and those that the lab adds.
COURSE = ("build", "images", "run", "ps", "exec", "stop", "start", "logs", "port", "tag", "push", "inspect")
OURS = ("history", "diff", "stats", "rm")


@dataclass(frozen=True)
class Step:
    """One command of the lab and the output shown below it."""

    line: int  # of the document
    command: str
    shown: str
    may_fail: bool


@dataclass(frozen=True)
class Block:
    needs_aws: bool
    steps: tuple[Step, ...]


def read_blocks(text: str) -> list[Block]:
    """The console blocks of a Markdown text, in order; fails if one does not begin with a command."""
    blocks: list[Block] = []
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        if lines[number] == "```console":
            end = lines.index("```", number)
            before = next((line for line in reversed(lines[:number]) if line.strip()), "")
            blocks.append(Block(before == NEEDS_AWS, tuple(_steps(lines[number + 1 : end], number + 2))))
            number = end
        number += 1
    return blocks


def _steps(lines: list[str], first: int) -> Iterator[Step]:
    found: list[tuple[int, list[str], list[str]]] = []
    for number, line in enumerate(lines, first):
        if line.startswith("$ "):
            found.append((number, [line[2:]], []))
        elif line.startswith("> ") and not found[-1][2] and _is_open("\n".join(found[-1][1])):
            found[-1][1].append(line[2:])
        else:
            found[-1][2].append(line)
    following = [command for _, command, _ in found[1:]] + [[""]]
    for (number, command, shown), after in zip(found, following, strict=True):
        yield Step(number, "\n".join(command), "\n".join(shown), may_fail=after == ["echo $?"])


def _is_open(command: str) -> bool:
    """True where the shell would expect more: an unfinished here-document or quote."""
    if "<<'END'" in command:
        return "END" not in command.splitlines()[1:]
    return command.count("'") % 2 == 1


def matches(shown: str, printed: str) -> bool:
    """Whether `printed` is what the lab shows, `...` standing for what differs."""
    parts = []
    for line in _plain(shown):
        if line == "...":
            parts.append(r"(?:[^\n]*\n)*?")
        else:
            parts.append(r"[^\n]*?".join(re.escape(part) for part in line.split("...")) + r"\n")
    text = "".join(f"{line}\n" for line in _plain(printed))
    return re.fullmatch("".join(parts), text) is not None


def _plain(text: str) -> list[str]:
    return [line for line in (" ".join(line.split()) for line in text.splitlines()) if line]


class Shell:
    """One bash for the whole lab: variables, functions and the last exit code stay from command to command."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=environment,
            start_new_session=True,  # so that its background processes can be ended with it
        )

    def run(self, command: str) -> tuple[str, int]:
        """The command's standard output and error, and its exit code."""
        assert self._bash.stdin is not None
        typed = (
            f"eval {shlex.quote(command)} </dev/null; lab_code=$?\n"
            f"printf '\\n%s %s\\n' {shlex.quote(DONE)} $lab_code; (exit $lab_code)\n"
        )
        self._bash.stdin.write(typed.encode())
        self._bash.stdin.flush()
        return self._read(command)

    def _read(self, command: str) -> tuple[str, int]:
        assert self._bash.stdout is not None
        deadline = time.monotonic() + COMMAND_SECONDS
        read = b""
        while not (ended := re.search(rb"\n" + DONE.encode() + rb" (\d+)\n\Z", read)):
            ready, _, _ = select.select([self._bash.stdout], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                pytest.fail(f"not within {COMMAND_SECONDS} s: {command}\n{read.decode(errors='replace')}")
            more = os.read(self._bash.stdout.fileno(), 65536)
            if not more:
                pytest.fail(f"the shell ended: {command}\n{read.decode(errors='replace')}")
            read += more
        return read[: ended.start()].decode(errors="replace"), int(ended[1])

    def end(self) -> None:
        """End the shell and all its processes."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._bash.pid, signal.SIGTERM)
        try:
            self._bash.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(self._bash.pid, signal.SIGKILL)
            self._bash.wait(timeout=20)
        for pipe in (self._bash.stdin, self._bash.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def remove_all(port: int) -> None:
    """Remove everything that the lab creates in the engine, if it exists."""
    docker("rm", "--force", "--volumes", *CONTAINERS, check=False)
    docker("network", "rm", *NETWORKS, check=False)
    docker("image", "rm", "--force", f"localhost:{port}/lab/hello:1.0.0", *IMAGES, check=False)


def left_in_engine() -> list[str]:
    """Names of the lab that the engine still holds."""
    containers = docker("ps", "--all", "--format", "{{.Names}}").stdout.split()
    images = docker("images", "--format", "{{.Repository}}").stdout.split()
    networks = docker("network", "ls", "--format", "{{.Name}}").stdout.split()
    return sorted(
        ({*containers} & {*CONTAINERS})
        | ({*images} & {name.partition(":")[0] for name in IMAGES})
        | ({*networks} & {*NETWORKS})
    )  # other people's names may begin with lab- too


@pytest.fixture
def port() -> int:
    """A free port of the loopback for the emulator's ECR."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A copy of the repository that shares the environment of `make setup`."""
    copy = tmp_path / "repository"
    hidden = shutil.ignore_patterns(".*", "node_modules", "cdk.out", "__pycache__", "sbom", "lab")
    shutil.copytree(ROOT, copy, ignore=hidden, symlinks=True)
    for service in (ROOT / "services").iterdir():
        if (service / ".dockerignore").is_file():
            shutil.copy2(service / ".dockerignore", copy / "services" / service.name)
    for name in (".venv", "node_modules"):
        if (ROOT / name).exists():
            (copy / name).symlink_to(ROOT / name)
    return copy


@pytest.fixture
def environment(tmp_path: Path, port: int, engine: str) -> dict[str, str]:
    """The chosen engine's client is `docker`; the user's home, logins and accounts are neither read nor written."""
    if Path(engine).name != "docker":
        pytest.skip(f"the lab shows what Docker prints, and the engine's client here is {Path(engine).name}")
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "docker").symlink_to(engine)
    home = tmp_path / "home"
    home.mkdir()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "uv"
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "CDK_", "MAKE"))}
    return {
        "UV_CACHE_DIR": str(cache),
        **kept,
        **found_engine().environment,  # type: ignore[union-attr]  (the engine's fixture has looked)
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "LAB_PORT": str(port),
    }


@pytest.mark.contract
@pytest.mark.xdist_group("lab")
def test_every_command_prints_what_the_lab_shows(repository: Path, environment: dict[str, str], port: int) -> None:
    """The last part of the lab leaves nothing behind, in the engine or in the folder."""
    remove_all(port)
    before = {path.name for path in repository.iterdir()}
    shell = Shell(repository, environment)
    try:
        for step in (step for block in read_blocks(LAB.read_text()) if not block.needs_aws for step in block.steps):
            printed, code = shell.run(step.command)
            place = f"docs/lab.md:{step.line}: $ {step.command}"
            assert matches(step.shown, printed), f"{place}\n--- shown\n{step.shown}\n--- printed\n{printed}"
            assert code == 0 or step.may_fail, f"{place}\nended with {code}\n{printed}"
        assert left_in_engine() == []
        assert {path.name for path in repository.iterdir()} - before <= {".local", "cdk.out"}
    finally:
        shell.end()
        remove_all(port)


def test_only_blocks_that_need_an_account_are_skipped() -> None:
    """One block, whose commands all use AWS or its registry, or prepare the image for it."""
    skipped = [step.command for block in read_blocks(LAB.read_text()) if block.needs_aws for step in block.steps]
    assert skipped
    for command in skipped:
        assert re.search(r"\baws\b|AWS_|\.dkr\.ecr\.|\$registry|hello-world", command), command


def test_each_command_for_an_account_is_run_against_the_emulator() -> None:
    """Commands that need an account differ only in names from those that are run: each aws and docker command is run."""

    def verbs(*, needs_aws: bool) -> set[str]:
        blocks = [block for block in read_blocks(LAB.read_text()) if block.needs_aws == needs_aws]
        commands = "\n".join(step.command for block in blocks for step in block.steps)
        return set(re.findall(r"\b(?:aws ecr [a-z-]+|docker [a-z]+)", commands))

    assert "aws ecr get-login-password" in verbs(needs_aws=True)
    assert verbs(needs_aws=True) <= verbs(needs_aws=False)


@pytest.mark.parametrize("name", COURSE + OURS)
def test_each_command_of_the_course_is_run_and_listed(name: str) -> None:
    text = LAB.read_text()
    commands = [step.command for block in read_blocks(text) if not block.needs_aws for step in block.steps]
    assert any(re.search(rf"\bdocker {name}\b", command) for command in commands)
    assert f"`docker {name}`" in text[text.index("## The commands") :]


def test_every_name_that_the_lab_gives_is_removed_by_this_test() -> None:
    commands = "\n".join(step.command for block in read_blocks(LAB.read_text()) for step in block.steps)
    assert set(re.findall(r"--name (\S+)", commands)) == set(CONTAINERS)
    assert {tag for tag in re.findall(r"--tag (\S+)", commands) if tag.startswith("lab-")} == set(IMAGES)
    assert set(re.findall(r"docker network create (\S+)", commands)) == set(NETWORKS)


def test_a_container_goes_with_its_unnamed_volumes() -> None:
    """Each image declares one for /tmp; only its container knows the volume's name."""
    removals = [
        step.command for block in read_blocks(LAB.read_text()) for step in block.steps if "docker rm " in step.command
    ]
    assert len(removals) > 5
    assert [command for command in removals if "--volumes" not in command] == []


def test_every_part_is_in_the_contents_and_asks_or_cleans_up() -> None:
    text = LAB.read_text()
    titles = re.findall(r"^## (\d+)\. (.+)$", text, re.MULTILINE)
    anchors = [f"(#{number}-{re.sub('[^a-z0-9 -]', '', title.lower()).replace(' ', '-')})" for number, title in titles]
    assert [anchor for anchor in anchors if anchor not in text] == []
    for part in re.split(r"^## \d+\. ", text, flags=re.MULTILINE)[1:-1]:
        assert "<details><summary>Question:" in part, part.splitlines()[0]


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("one", "one", True),
        ("one", "two", False),
        ("", "", True),
        ("", "something", False),
        ("one", "", False),
        ("a...c", "abc", True),
        ("a...c", "ab\nc", False),
        ("...", "", True),
        ("...", "any\nnumber", True),
        ("a\n...\nb", "a\nx\ny\nb", True),
        ("a\n...\nb", "a\nx", False),
        ("...\nlast", "first\nlast\nmore", False),
        ("A   B", "A B", True),
        ("(.*)", "anything", False),
    ],
)
def test_dots_match_what_differs_and_nothing_else(shown: str, printed: str, *, same: bool) -> None:
    assert matches(shown, printed) is same


def test_commands_may_span_lines_and_outputs_may_begin_with_a_bracket() -> None:
    text = "```console\n$ cat <<'END'\n> a\n> END\n> printed\n$ false\n$ echo $?\n1\n```\n"
    (block,) = read_blocks(text)
    assert [(step.command, step.shown, step.may_fail) for step in block.steps] == [
        ("cat <<'END'\na\nEND", "> printed", False),
        ("false", "", True),
        ("echo $?", "1", False),
    ]
