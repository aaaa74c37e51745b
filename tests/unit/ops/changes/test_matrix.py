"""The rows of docs/changes.md, and what they tell the user to type."""

from ops.changes.compare import compare
from ops.changes.matrix import RED, Row, cells, merged, refused_by_loader, table
from ops.changes.plan import plan
from ops.changes.sentences import readable
from tests.fakes.stacks import output, ref, resource, stack, strong, weak

TABLE = "AWS::DynamoDB::Table"
RULE = "AWS::ElasticLoadBalancingV2::ListenerRule"


def table_of(key, **more):
    return resource(TABLE, KeySchema=[{"AttributeName": key, "KeyType": "HASH"}], **more)


def row(before, after, *, destroyed=(), environment="test"):
    result = compare(before, after, destroyed=destroyed)
    steps = plan(before, after, result, destroyed=destroyed)
    return Row(
        section="settings", subject="x", change="1 to 2", environment=environment, **cells(result, steps, environment)
    )


def test_what_holds_data_is_red_and_the_rest_is_not():
    before = {"T": table_of("a"), "F": resource("AWS::EC2::FlowLog", TrafficType="ALL")}
    after = {"T": table_of("b"), "F": resource("AWS::EC2::FlowLog", TrafficType="REJECT")}
    found = row([stack("A", before)], [stack("A", after)])
    assert found.replaced == f"{RED} **A: Table**; A: FlowLog"
    assert found.interruption == f"{RED} **data**: its items are lost"
    assert found.commands == "`make deploy ENV=test ACCEPT='...'`"
    assert (found.blocking, found.guard) == (("data-lost",), "make deploy")


def test_a_new_revision_of_a_task_definition_is_no_replacement():
    before, after = (resource("AWS::ECS::TaskDefinition", Cpu=cpu) for cpu in (1, 2))
    found = row([stack("A", {"D": before})], [stack("A", {"D": after})])
    assert (found.updated, found.replaced, found.guard) == ("A: TaskDefinition", "", "")


def test_stacks_to_which_the_same_happens_are_named_together():
    def stacks(delay):
        return [stack(n, {"Q": resource("AWS::SQS::Queue", DelaySeconds=delay)}) for n in ("A", "B")]

    assert row(stacks(1), stacks(2)).updated == "A, B: Queue"


def weakly(key):
    named = {"T": table_of(key, on_replace="Retain")}
    user = {"User": resource("AWS::ECS::TaskDefinition", Family=weak("A", "T"))}
    return [stack("A", named, outputs={"T": output(ref("T"))}), stack("B", user, needs="A")]


def test_a_stack_with_an_old_value_is_deployed_again_with_force():
    found = row(weakly("a"), weakly("b"))
    assert found.stale == "B"
    assert found.commands.endswith("`cdk deploy --exclusively --force B -c env=test`")


def exporting(reads, exports):
    out = {"O": output(ref("Q"), "e")} if exports else {}
    user = {"User": resource("AWS::ECS::TaskDefinition", Family=strong("e") if reads else "f")}
    return [stack("A", {"Q": resource("AWS::SQS::Queue")}, outputs=out), stack("B", user, needs="A", protected=True)]


def test_a_stack_that_no_longer_imports_goes_first():
    found = row(exporting(reads=True, exports=True), exporting(reads=False, exports=False))
    assert found.exports == "one of A, read by B, goes away: refused"
    assert found.commands == "`cdk deploy --exclusively B -c env=test`, then `make deploy ENV=test`"


def test_a_stack_that_is_gone_but_still_imports_is_destroyed_first():
    found = row(exporting(reads=True, exports=True), exporting(reads=False, exports=False)[:1])
    assert "left running: B" in found.added
    unprotect, destroy, deploy = found.commands.split(", then ")
    assert "update-termination-protection" in unprotect
    assert "quay-test-B" in unprotect
    assert (destroy, deploy) == ("`cdk destroy B -c env=test`", "`make deploy ENV=test`")


def test_a_swap_takes_another_value_in_between():
    def rules(*priorities):
        return [stack(f"S{i}", {"R": resource(RULE, ListenerArn="l", Priority=p)}) for i, p in enumerate(priorities)]

    found = row(rules(1, 2), rules(2, 1))
    assert "with another value in between" in found.commands
    assert found.collisions.startswith(
        "S0: ElasticLoadBalancingV2 ListenerRule R takes ListenerArn l, Priority 2 before S1/R lets go of it"
    )


def test_environments_with_the_same_row_share_it():
    def rows(**more):
        return [
            Row(section="settings", subject="x", change="1 to 2", environment=e, commands=f"`{e}`", **more)
            for e in "ab"
        ]

    [both] = merged(rows())
    assert (both.environment, both.commands) == ("both", "`ENV`")
    one, other = rows()
    assert len(merged([one, Row(**{**other.as_json(), "updated": "A: Queue"})])) == 2
    assert table(rows(), "settings").count("\n") == 2


def test_a_row_survives_its_file():
    found = row(weakly("a"), weakly("b"))
    assert Row.from_json(found.as_json()) == found


def test_a_change_that_the_loader_refuses_says_why():
    assert refused_by_loader("x: y: z; w")["commands"] == "refused when loaded: x: y: z; w"


def test_only_the_hash_of_a_logical_id_is_left_out():
    assert (
        readable("Network/VpcNatEIPD7E02669 of 123456789012 is DEADBEEF")
        == "Network/VpcNatEIP of 123456789012 is DEADBEEF"
    )
