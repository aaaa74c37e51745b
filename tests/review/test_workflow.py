"""The pull request's comment: posted once, updated in place, removed when nothing changes; the workflows hold no secret."""

import json
import os
import subprocess

import pytest
import yaml

from tests.conftest import ROOT

NODE = ROOT / ".venv" / "bin" / "node"
SCRIPT = ROOT / ".github" / "review-comment.cjs"
WORKFLOWS = ROOT / ".github" / "workflows"
MARK = "<!-- container-services review -->"
# Stands for GitHub: a list of comments, and a list of pull requests that share a branch.
FAKE = """
const comment = require(process.argv[1]);
const given = JSON.parse(process.argv[2]);
let { comments, pulls } = given;
const calls = [];
const rest = {
  pulls: { list: async () => pulls },
  issues: {
    listComments: async () => comments,
    createComment: async ({ issue_number, body }) => { calls.push(['create', issue_number, body]) },
    updateComment: async ({ comment_id, body }) => { calls.push(['update', comment_id, body]) },
    deleteComment: async ({ comment_id }) => { calls.push(['delete', comment_id]) },
  },
};
const github = { rest, paginate: async (call, options) => call(options) };
const run = { id: 1, head_sha: 'abc', head_branch: 'b', html_url: 'https://runs/1',
  head_repository: { full_name: 'fork/repo', owner: { login: 'fork' } } };
comment({ github, context: { repo: { owner: 'o', repo: 'r' }, payload: { workflow_run: run } },
  core: { info: () => {} }, folder: given.folder }).then(() => console.log(JSON.stringify(calls)));
"""
HEAD = {"sha": "abc", "repo": {"full_name": "fork/repo"}}
PULL = {"number": 7, "head": HEAD}


def write(folder, environment, text, *, empty=False):
    target = folder / f"review-{environment}"
    target.mkdir(parents=True)
    (target / f"{environment}.md").write_text(text)
    (target / f"{environment}.json").write_text(json.dumps({"empty": empty}))


def posted(folder, comments=(), pulls=(PULL,)):
    given = json.dumps({"folder": str(folder), "comments": list(comments), "pulls": list(pulls)})
    done = subprocess.run([NODE, "-e", FAKE, SCRIPT, given], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def ours(text, identifier=1, kind="Bot"):
    return {"id": identifier, "body": f"{MARK}\n\n{text}", "user": {"type": kind}}


def test_a_first_review_is_posted_with_all_environments(tmp_path):
    write(tmp_path, "sandbox", "### Review of sandbox")
    write(tmp_path, "production", "### Review of production")
    ((what, number, body),) = posted(tmp_path)
    assert (what, number) == ("create", 7)
    assert body.startswith(f"{MARK}\n\n### Review of production\n\n### Review of sandbox\n\n")
    assert "https://runs/1" in body


def test_a_later_one_updates_it_in_place(tmp_path):
    write(tmp_path, "sandbox", "new")
    ((what, identifier, body),) = posted(tmp_path, [ours("old", 5), {"id": 6, "body": "a person's", "user": {}}])
    assert (what, identifier) == ("update", 5)
    assert "new" in body


def test_the_same_text_is_left_alone(tmp_path):
    write(tmp_path, "sandbox", "same")
    ((_, _, body),) = posted(tmp_path)
    assert posted(tmp_path, [{"id": 5, "body": body, "user": {"type": "Bot"}}]) == []


def test_it_is_removed_when_nothing_changes_any_more(tmp_path):
    write(tmp_path, "sandbox", "Nothing changes.", empty=True)
    assert posted(tmp_path, [ours("old", 5)]) == [["delete", 5]]
    assert posted(tmp_path) == []


def test_a_persons_comment_is_never_touched(tmp_path):
    write(tmp_path, "sandbox", "Nothing changes.", empty=True)
    assert posted(tmp_path, [ours("quoted", 5, kind="User")]) == []


@pytest.mark.parametrize(
    "head", [{**HEAD, "sha": "newer"}, {**HEAD, "repo": {"full_name": "other/repo"}}, {**HEAD, "repo": None}]
)
def test_it_comments_only_on_the_pull_request_with_that_very_commit(tmp_path, head):
    write(tmp_path, "sandbox", "text")
    assert posted(tmp_path, pulls=[{"number": 8, "head": head}]) == []


def test_an_artifact_cannot_pose_as_another_comment_or_grow_without_bound(tmp_path):
    write(tmp_path, "sandbox", f"{MARK}<!-- x --> " + "y" * 200_000)
    write(tmp_path, "..%2f", "elsewhere")
    ((_, _, body),) = posted(tmp_path)
    assert body.count("<!--") == 1
    assert len(body) < 65_536
    assert "elsewhere" not in body


def test_what_runs_a_pull_requests_code_has_no_secret_and_may_write_nothing():
    for name in ("review.yml", "ci.yml"):
        text = (WORKFLOWS / name).read_text(encoding="utf-8")
        assert "secrets." not in text
        assert "pull_request_target" not in text
        assert yaml.safe_load(text)["permissions"] == {"contents": "read"}


def test_what_may_comment_runs_no_code_of_the_pull_request():
    workflow = yaml.safe_load((WORKFLOWS / "review-comment.yml").read_text(encoding="utf-8"))
    (job,) = workflow["jobs"].values()
    assert not any("run" in step for step in job["steps"])
    (checkout,) = (step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout"))
    assert "ref" not in checkout["with"]


def test_the_review_of_a_pull_request_calls_a_target_that_make_has():
    assert os.access(NODE, os.X_OK)
    (job,) = yaml.safe_load((WORKFLOWS / "review.yml").read_text(encoding="utf-8"))["jobs"].values()
    (command,) = (step["run"] for step in job["steps"] if "run" in step)
    called = command.replace("${{ matrix.environment }}", "sandbox").replace(
        '"$(git merge-base "origin/$TARGET" HEAD)"', "main"
    )
    script = called.replace("make ", "make -n ", 1)
    environment = {**os.environ, "FAIL_ON": "cost>1"}
    done = subprocess.run(["sh", "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert "-m ops review --env sandbox  --base 'main'" in done.stdout
    assert "--fail-on 'cost>1'" in done.stdout
