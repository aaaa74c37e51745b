"""`python -m ops changes`: what it prints, and its exit code."""

import shutil

import pytest

import ops.__main__ as command
from ops.changes.command import Answer, answer
from ops.errors import OpsError
from tests.conftest import ROOT
from tests.fakes.assembly import write_assembly
from tests.fakes.aws import CloudFormation
from tests.fakes.stacks import output, ref, resource, stack, strong

TABLE = "AWS::DynamoDB::Table"


def table(key, **more):
    return resource(TABLE, KeySchema=[{"AttributeName": key, "KeyType": "HASH"}], **more)


BEFORE, AFTER = [stack("State", {"T": table("id")})], [stack("State", {"T": table("at")})]
LOST = "data-lost:State/T"


def test_a_first_deployment_is_silent():
    assert answer([], AFTER) == Answer((), 0)


def test_a_deployment_that_changes_nothing_says_so():
    assert answer(BEFORE, BEFORE) == Answer(("nothing changes",), 0)


def test_lost_data_is_refused_in_one_line_until_it_is_accepted():
    refused = answer(BEFORE, AFTER)
    assert refused.exit_code == 2
    assert refused.lines[0] == (
        "data    State: DynamoDB Table T is replaced, and its items are deleted; copy them first, then accept it "
        f"[{LOST}]"
    )
    accepted = answer(BEFORE, AFTER, accepted=[LOST])
    assert accepted.exit_code == 0
    assert LOST not in "".join(accepted.lines)


def test_an_id_of_no_finding_is_refused():
    with pytest.raises(OpsError, match="is no finding"):
        answer(BEFORE, AFTER, accepted=["data-lost:State/U"])


def test_the_most_dangerous_comes_first_and_the_routine_is_only_counted():
    before = {
        "T": table("id"),
        "R": resource("AWS::EC2::Route", RouteTableId="a"),
        "D": resource("AWS::ECS::TaskDefinition"),
    }
    after = {
        "T": table("at"),
        "R": resource("AWS::EC2::Route", RouteTableId="b"),
        "D": resource("AWS::ECS::TaskDefinition", Cpu=1),
    }
    lines = answer([stack("A", before)], [stack("A", after)]).lines
    assert [line.split()[0] for line in lines] == ["data", "note", "A:", "to"]
    assert lines[2].strip() == "A: 1 updated"


def exporting(reads, exports):
    out = {"O": output(ref("Q"), "e")} if exports else {}
    user = {"User": resource("AWS::ECS::TaskDefinition", Family=strong("e") if reads else "f")}
    return [stack("A", {"Q": resource("AWS::SQS::Queue")}, outputs=out), stack("B", user, needs="A")]


def test_an_order_that_works_is_offered():
    """A reader that no longer reads goes first."""
    lines = answer(exporting(reads=True, exports=True), exporting(reads=False, exports=False), environment="test").lines
    at = lines.index("this order works:")
    assert [line.strip() for line in lines[at + 1 : at + 3]] == [
        "cdk deploy --exclusively B -c env=test",
        "make deploy ENV=test",
    ]


def test_no_order_is_offered_where_none_works():
    assert "this order works:" not in answer(BEFORE, AFTER).lines


def template(found):
    return found[0].template


@pytest.fixture
def project(tmp_path):
    shutil.copytree(ROOT / "config" / "environments", tmp_path / "config" / "environments")
    for name, found in (("before", BEFORE), ("after", AFTER)):
        write_assembly(tmp_path / name, stacks={"State": template(found)})
    return tmp_path


def test_two_folders_are_compared(project, capsys):
    folders = [str(project / "before"), str(project / "after")]
    assert command.main(["changes", "--root", str(project), *folders]) == 2
    assert LOST in capsys.readouterr().out
    assert command.main(["changes", "--root", str(project), *folders, "--accept", LOST]) == 0


def test_what_is_deployed_is_compared_with_cdk_out(project, monkeypatch, capsys):
    write_assembly(project / "cdk.out", stacks={"State": template(AFTER)})
    client = CloudFormation(templates={"app-State": template(BEFORE)})
    monkeypatch.setattr("ops.changes.deployed.client_in", lambda _: client)
    assert command.main(["changes", "--root", str(project), "--deployed"]) == 2
    assert LOST in capsys.readouterr().out


def test_one_folder_is_not_enough(project, capsys):
    assert command.main(["changes", "--root", str(project), str(project / "after")]) == 2
    assert capsys.readouterr().err.startswith("error: name two output folders of cdk synth")


def test_make_deploy_compares_what_it_is_about_to_deploy():
    lines = (ROOT / "Makefile").read_text("utf-8").partition("\ndeploy:")[2].partition("\n\n")[0].splitlines()
    steps = [
        next((word for word in ("account", "SYNTH", "changes", "CDK) deploy") if word in line), "") for line in lines
    ]
    assert [step for step in steps if step] == ["account", "SYNTH", "changes", "CDK) deploy"]
    assert "--app cdk.out" in lines[-1]
