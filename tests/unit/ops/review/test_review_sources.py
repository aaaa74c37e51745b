"""Where the two sides come from: commits in worktrees of their own, folders, other environments, what is deployed."""

import io
import json
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from config.settings import load_settings
from ops.errors import OpsError
from ops.process import Finished, _running, capture
from ops.review import sources as module
from ops.review.git import Repository
from ops.review.renaming import under_the_name_of
from ops.review.sources import Request, sources
from ops.say import Say
from tests.conftest import ROOT
from tests.fakes.assembly import write_assembly
from tests.fakes.stacks import resource, stack

ENVIRONMENTS = "config/environments"


def git(folder, *arguments):
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def project(tmp_path):
    """A repository whose "templates" are the text of a file: three commits, the last on a branch."""
    folder = tmp_path / "project"
    (folder / ENVIRONMENTS).mkdir(parents=True)
    for name in ("sandbox", "production"):
        file = f"{ENVIRONMENTS}/{name}.yaml"
        (folder / file).write_text((ROOT / file).read_text(encoding="utf-8"), encoding="utf-8")
    (folder / ".gitignore").write_text(".venv/\n")
    git(folder, "init", "-q", "-b", "main")
    for text in ("one", "two", "three"):
        (folder / "text").write_text(text)
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "-m", text)
        if text == "two":
            git(folder, "checkout", "-q", "-b", "branch")
    return folder


@pytest.fixture
def synthesized(monkeypatch):
    """The projects that were synthesized, each as (text, environment, context, folder of the packages)."""
    found = []

    def synthesize(project, output, *, tools, environment, context, log):
        assert log
        text = (project / "text").read_text()
        found.append((text, environment, dict(context), tools))
        write_assembly(output, stacks={"Ecs": {"Resources": {}, "Description": f"{text} {environment}"}})

    monkeypatch.setattr(module, "synthesize", synthesize)
    return found


def request(project, **more):
    return Request(root=project, settings=load_settings(ROOT, "sandbox", {}), **more)


def made(project, **more):
    out = io.StringIO()
    found = sources(request(project, **more), Say(out))
    texts = [side.stacks[0].template["Description"] if side.stacks else None for side in (found.before, found.after)]
    return found, texts, out.getvalue()


def test_by_default_the_base_is_where_the_checkout_left_main(project, synthesized):
    (project / "text").write_text("not committed")
    found, texts, _ = made(project)
    assert texts == ["two sandbox", "not committed sandbox"]
    assert found.before.label == f"main at {git(project, 'rev-parse', '--short', 'main')}"
    assert found.after.label == "this checkout"


def test_of_two_mains_the_one_that_was_left_last_counts(project, synthesized):
    git(project, "update-ref", "refs/remotes/origin/main", "branch")
    found, texts, _ = made(project)
    assert texts[0] == "three sandbox"
    assert found.before.label.startswith("origin/main at ")


def test_neither_files_nor_index_nor_branches_change(project, synthesized):
    (project / "text").write_text("not committed")
    (project / "new").write_text("")
    before = [git(project, *words) for words in (("status", "--porcelain"), ("show-ref",), ("stash", "list"))]
    made(project)
    assert [git(project, *words) for words in (("status", "--porcelain"), ("show-ref",), ("stash", "list"))] == before
    assert git(project, "worktree", "list", "--porcelain").count("worktree ") == 1


def test_no_hook_runs_and_no_worktree_of_the_users_is_forgotten(project, synthesized, tmp_path):
    hook = project / ".git" / "hooks" / "post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    git(project, "-c", "core.hooksPath=/dev/null", "worktree", "add", "-q", "--detach", str(tmp_path / "away"))
    (tmp_path / "away").rename(tmp_path / "moved")  # as if its disk was not there
    made(project)
    assert not (tmp_path / "ran").exists()
    assert str(tmp_path / "away") in git(project, "worktree", "list", "--porcelain")


def test_a_ref_is_taken_as_it_is(project, synthesized):
    assert made(project, base="main~1")[1] == ["one sandbox", "three sandbox"]


def test_a_commit_is_synthesized_once(project, synthesized):
    made(project)
    made(project)
    assert [text for text, *_ in synthesized].count("two") == 1
    made(project, context={"spot_weight": "50"})
    assert [text for text, *_ in synthesized].count("two") == 2


def test_a_folder_with_an_assembly_is_a_base(project, synthesized, tmp_path):
    write_assembly(tmp_path / "out", stacks={"Ecs": {"Resources": {}, "Description": "from a folder"}})
    assert made(project, base=str(tmp_path / "out"))[1] == ["from a folder", "three sandbox"]
    assert made(project, assembly=tmp_path / "out")[1] == ["two sandbox", "from a folder"]


def test_another_environment_is_a_base(project, synthesized):
    _, texts, _ = made(project, against="production")
    assert texts == ["three production", "three sandbox"]


def test_an_environment_that_the_base_lacks_is_all_new(project, synthesized):
    git(project, "checkout", "-q", "main")
    git(project, "rm", "-q", f"{ENVIRONMENTS}/sandbox.yaml")
    git(project, "commit", "-q", "-m", "without")
    git(project, "checkout", "-q", "branch")
    found, texts, _ = made(project, base="main")
    assert texts[0] is None
    assert found.notes == (f"{found.before.label} has no environment sandbox, so everything is new",)


def test_a_base_that_pins_other_packages_gets_them(project, synthesized, monkeypatch):
    (project / "requirements.txt").write_text("other")
    asked = []
    monkeypatch.setattr(module, "capture", lambda argv, **more: asked.append((argv, more["cwd"])) or FINE)
    _, _, out = made(project)
    ((argv, where),) = asked
    assert argv[1:] == ["-I", where / "ops" / "setup.py", "runtime"]
    assert [tools for text, _, _, tools in synthesized if text == "two"] == [where.resolve()]
    assert "which pins other ones (requirements.txt)" in out


def test_packages_that_cannot_be_installed_are_said_and_not_remembered(project, synthesized, monkeypatch):
    (project / "requirements.txt").write_text("other")
    monkeypatch.setattr(module, "capture", lambda *_, **__: NOT_FINE)
    for _ in range(2):
        found, texts, _ = made(project)
        assert texts[0] == "two sandbox"
        assert "could not be installed; it is synthesized with those of this checkout" in found.notes[0]


FINE = Finished(0, "", "")
NOT_FINE = Finished(1, "", "no network")


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({"base": "nowhere"}, "--base nowhere: is neither a git ref nor a folder with an output of cdk synth"),
        ({"base": "--all"}, "--base --all: is neither"),
        ({"against": "productio"}, "--against productio: has no file here; did you mean production?"),
    ],
)
def test_a_base_that_is_none_is_one_line_before_anything_is_synthesized(project, synthesized, more, line):
    with pytest.raises(OpsError) as refused:
        made(project, **more)
    assert str(refused.value).startswith(line)
    assert refused.value.exit_code == 2
    assert synthesized == []


def test_a_folder_without_git_or_main_says_what_to_name(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OpsError, match=rf"^{tmp_path.name}: fatal: not a git repository.*; name a base: --base REF"):
        Repository(Path())
    git(tmp_path, "init", "-q", "-b", "trunk")
    with pytest.raises(OpsError, match="no branch main that this checkout comes from; name a base"):
        Repository(tmp_path).merge_base()


def test_a_base_that_cannot_be_synthesized_is_named(project, monkeypatch):
    def synthesize(project, output, **more):
        if (project / "text").read_text() == "two":
            raise OpsError("services/web/service.yaml: port: is 'x'", exit_code=2)
        write_assembly(output, stacks={"Ecs": {"Resources": {}, "Description": ""}})

    monkeypatch.setattr(module, "synthesize", synthesize)
    with pytest.raises(OpsError, match=r"^main at [0-9a-f]+: services/web/service.yaml: port: is 'x'$"):
        made(project)


def test_a_worktree_of_a_folder_below_the_repository_is_that_folder(tmp_path):
    (tmp_path / "deep" / "project").mkdir(parents=True)
    (tmp_path / "deep" / "project" / "file").write_text("here")
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "one")
    with Repository(tmp_path / "deep" / "project").worktree("main", tmp_path / "tree") as folder:
        assert (folder / "file").read_text() == "here"
    assert not (tmp_path / "tree").exists()


def test_another_environments_names_are_read_as_this_ones():
    one = stack(
        "Ecs",
        {"L": resource("AWS::Logs::LogGroup", LogGroupName="/x-one/web")},
        name="x-one-Ecs",
        tags={"environment": "one"},
    )
    other = stack("Ecs", {}, name="x-two-Ecs", tags={"environment": "two"}, place="aws://1/eu-west-1")
    (read,) = under_the_name_of([one], [other])
    assert (read.name, dict(read.tags), read.place) == ("x-two-Ecs", {"environment": "two"}, "aws://1/eu-west-1")
    assert json.dumps(read.template).count("x-two/web") == 1
    assert under_the_name_of([one], []) == [one]


def test_what_is_deployed_is_a_base(project, synthesized, monkeypatch):
    there = stack("Ecs", {}, name="app-Ecs")
    there.template["Description"] = "deployed"
    monkeypatch.setattr("ops.changes.deployed.client_in", lambda region: region)
    monkeypatch.setattr("ops.changes.deployed.deployed_stacks", lambda client, after: [there])
    found, _, _ = made(project, deployed=True)
    assert (found.before.label, found.before.assembly, list(found.before.stacks)) == ("what is deployed", None, [there])
    assert synthesized == [("three", "sandbox", {}, project.resolve())]
    monkeypatch.setattr("ops.changes.deployed.deployed_stacks", lambda client, after: [])
    assert made(project, deployed=True)[0].notes == ("nothing of sandbox is deployed, so everything is new",)


def test_a_fault_of_the_checkout_ends_the_synthesis_of_the_base(project, monkeypatch):
    begun, ends = threading.Event(), []

    def synthesize(project, output, **more):
        if (project / "text").read_text() == "two":
            process = threading.Thread(target=lambda: ends.append(capture(["sleep", "60"]).code))
            process.start()
            while not _running:
                assert process.is_alive()
            begun.set()
            process.join()
            raise OpsError("ended")
        begun.wait()
        raise OpsError("services/web/service.yaml: port: is 'x'", exit_code=2)

    monkeypatch.setattr(module, "synthesize", synthesize)
    with pytest.raises(OpsError, match=r"^services/web/service.yaml: port"):
        made(project)
    assert ends == [-signal.SIGTERM]
