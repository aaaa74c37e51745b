"""What changes about what can reach what: a sentence for each, in both directions."""

import time
from copy import deepcopy
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.review.exposure import exposure
from ops.review.model import Gate, Status, Weight
from ops.review.pair import Pair, Side
from ops.review.sources import comparable
from tests.fakes.reach import EC2, WORLD, entered, from_, network, opened, pods, routed, service, shared, to
from tests.fakes.stacks import att, ref, resource, stack, weak

GROUND = [network(), shared()]


def compared(before, after):
    return exposure(Pair(Side("then", [*GROUND, *before]), Side("now", [*GROUND, *after])))


def said(before, after):
    return [item.text for item in compared(before, after).items]


def quiet(name, **more):
    """A service on ECS that connects to nothing."""
    return service(name, egress=[opened("255.255.255.255/32", 1)], **more)


def calling(source, target):
    """A service on ECS with both rules of a call."""
    rule = {"IpProtocol": "tcp", "FromPort": 8080, "ToPort": 8080}
    own, other = att("Group", "GroupId"), weak(f"Ecs-{target}", "Group")
    return service(
        source,
        more={
            "Out": resource(f"{EC2}SecurityGroupEgress", GroupId=own, DestinationSecurityGroupId=other, **rule),
            "In": resource(f"{EC2}SecurityGroupIngress", GroupId=other, SourceSecurityGroupId=own, **rule),
        },
    )


def cluster(**access):
    return stack("Eks", {"Cluster": resource("AWS::EKS::Cluster", ResourcesVpcConfig=access)})


def out(name, *rules):
    return service(name, egress=[opened(WORLD), *rules])


PRIVATE_API = cluster(EndpointPublicAccess=False, EndpointPrivateAccess=True)
DATABASE = {**opened("10.0.0.0/8", 5432), "Description": "quotes to orders database"}
STATE = stack("State", {"Bucketdepot": resource("AWS::S3::Bucket")})
PUBLIC_POLICY = {"Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}}
PUBLIC = stack(
    "State",
    {
        **STATE.resources,
        "Open": resource("AWS::S3::BucketPolicy", Bucket=ref("Bucketdepot"), PolicyDocument=PUBLIC_POLICY),
    },
)
OTHER_DOOR = stack(
    "Network", {**network().resources, "Nat": resource(f"{EC2}SecurityGroup", SecurityGroupIngress=[opened(WORLD, 22)])}
)
OPENINGS = [
    pytest.param(
        [service("admin")],
        [routed("admin", "/admin", "/admin/*")],
        "everybody on the internet can now reach admin on ECS at /admin over http (port 80)",
        Weight.CAUTION,
        "exposure:ecs/load-balancer:ecs/admin:http./admin",
        id="path",
    ),
    pytest.param(
        [service("tracking"), service("quotes")],
        [service("tracking"), calling("quotes", "tracking")],
        "quotes on ECS can now call tracking on port 8080 (tcp)",
        Weight.CAUTION,
        "exposure:ecs/quotes:ecs/tracking:tcp.8080",
        id="call",
    ),
    pytest.param(
        [out("quotes")],
        [out("quotes", DATABASE)],
        "quotes on ECS can now connect to 10.0.0.0/8 (orders database) on port 5432 (tcp)",
        Weight.CAUTION,
        "exposure:ecs/quotes:private:tcp.5432.10.0.0.0/8",
        id="egress",
    ),
    pytest.param(
        [out("quotes")],
        [out("quotes", opened(WORLD, 25))],
        "quotes on ECS can now also connect to any address on the internet on port 25 (tcp)",
        Weight.CAUTION,
        "exposure:ecs/quotes:internet:tcp.25",
        id="egress to the internet",
    ),
    pytest.param(
        [quiet("quotes", ingress=[opened("10.20.0.0/16", 22)], public=True)],
        [quiet("quotes", ingress=[opened("10.20.0.0/16", 22), opened(WORLD, 8000, 8080)], public=True)],
        "everybody on the internet can now reach quotes on ECS on ports 8000 to 8080 (tcp), past the load balancer",
        Weight.DANGER,
        "exposure:internet:ecs/quotes:tcp.8000-8080",
        id="public address",
    ),
    pytest.param(
        [service("quotes", ingress=[opened(WORLD, 22)])],
        [service("quotes", ingress=[opened(WORLD, 22)], public=True)],
        "everybody on the internet can now reach quotes on ECS on port 22 (tcp), past the load balancer",
        Weight.DANGER,
        "exposure:internet:ecs/quotes:tcp.22",
        id="gets a public address",
    ),
    pytest.param(
        [service("quotes")],
        [service("quotes", ingress=[opened(WORLD, 22)])],
        "everything in the VPC and the networks connected to it can now reach quotes on ECS on port 22 (tcp)",
        Weight.CAUTION,
        "exposure:private:ecs/quotes:tcp.22.0.0.0.0/0",
        id="open group without a public address",
    ),
    pytest.param(
        [PRIVATE_API],
        [cluster(EndpointPublicAccess=True, EndpointPrivateAccess=True)],
        "the Kubernetes API is now open to everybody on the internet (0.0.0.0/0)",
        Weight.DANGER,
        "exposure:internet:eks/cluster:https.443",
        id="API for all",
    ),
    pytest.param(
        [PRIVATE_API],
        [cluster(EndpointPublicAccess=True, EndpointPrivateAccess=True, PublicAccessCidrs=["198.51.100.7/32"])],
        "the Kubernetes API is now open to 198.51.100.7/32",
        Weight.CAUTION,
        "exposure:address/198.51.100.7/32:eks/cluster:https.443",
        id="API for one",
    ),
    pytest.param(
        [STATE],
        [PUBLIC],
        "everybody on the internet can now read from the bucket depot",
        Weight.DANGER,
        "exposure:internet:bucket/depot:reads",
        id="bucket",
    ),
    pytest.param(
        [pods("quotes", {})],
        [pods("quotes", {"egress": [{"ports": [{"port": 80}]}]})],
        "quotes on EKS can now read the metadata and credentials of its node",
        Weight.CAUTION,
        "exposure:eks/quotes:metadata:tcp.80",
        id="metadata",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "text", "weight", "identity"), OPENINGS)
class TestOpenings:
    def item(self, before, after, text):
        found = {item.text: item for item in compared(before, after).items}
        assert text in found, list(found)
        return found[text]

    def test_an_opening_has_its_sentence(self, before, after, text, weight, identity):
        item = self.item(before, after, text)
        assert (item.weight, item.gate, item.id) == (weight, Gate.NEW_EXPOSURE, identity)

    def test_an_opening_shows_the_rule_that_makes_it(self, before, after, text, weight, identity):
        evidence = self.item(before, after, text).evidence
        assert evidence
        assert all(one.after and one.after != one.before for one in evidence)

    def test_the_way_back_is_a_note_without_a_gate(self, before, after, text, weight, identity):
        back = {item.id: item for item in compared(after, before).items}
        start, _, what = identity.rpartition(":")
        item = back[f"{start}:not.{what}"]
        assert (item.weight, item.gate) == (Weight.NOTE, None)
        assert "no longer" in item.text


def test_a_group_that_opens_to_the_world_beside_the_services():
    found = exposure(Pair(Side("then", [network()]), Side("now", [OTHER_DOOR])))
    inside = "what is in the security group Nat"
    text = f"everybody on the internet can now reach {inside} on port 22 (tcp), if it has a public address"
    assert [(item.text, item.weight) for item in found.items] == [(text, Weight.DANGER)]


def test_a_call_that_ends():
    both = [service("tracking"), calling("quotes", "tracking")]
    assert said(both, [service("tracking"), service("quotes")]) == ["quotes on ECS can no longer call tracking"]


def test_one_sentence_for_both_platforms_that_say_the_same():
    on_eks = [pods("tracking", {"ingress": [from_("quotes")]}), pods("quotes", {})]
    before = [service("tracking"), service("quotes"), *on_eks]
    after = [
        service("tracking"),
        calling("quotes", "tracking"),
        on_eks[0],
        pods("quotes", {"egress": [to("tracking")]}),
    ]
    found = compared(before, after)
    assert [item.text for item in found.items] == ["quotes on ECS and EKS can now call tracking on port 8080 (tcp)"]
    assert found.items[0].id == "exposure:ecs+eks/quotes:ecs+eks/tracking:tcp.8080"
    assert {one.stack for one in found.items[0].evidence} >= {"Ecs-quotes", "Eks-quotes"}


def test_a_new_path_on_both_platforms_is_one_sentence():
    before = [service("admin"), entered("admin", policy={})]
    after = [routed("admin", "/admin", "/admin/*"), entered("admin")]
    texts = [text for text in said(before, after) if "reach admin" in text]
    assert texts == ["everybody on the internet can now reach admin on ECS and EKS at /admin over http (port 80)"]


def test_who_reaches_the_load_balancer_is_told_once_with_what_is_behind_it():
    before = exposure(
        Pair(
            Side(
                "then",
                [network(), shared(ingress=[opened("198.51.100.0/24", 80)]), routed("a", "/a"), routed("b", "/b")],
            ),
            Side("now", [network(), shared(), routed("a", "/a"), routed("b", "/b")]),
        )
    )
    text = (
        "everybody on the internet can now reach the load balancer on ECS, and through it a and b, over http (port 80)"
    )
    assert [(item.text, item.weight) for item in before.items] == [(text, Weight.CAUTION)]


def test_who_no_longer_reaches_the_load_balancer_is_told_with_who_still_does():
    narrow = [network(), shared(ingress=[opened("198.51.100.0/24", 80)]), routed("a", "/a")]
    found = exposure(Pair(Side("then", [*GROUND, routed("a", "/a")]), Side("now", narrow)))
    assert [item.text for item in found.items] == [
        "everybody on the internet can no longer reach the load balancer on ECS, and through it a, over http (port 80), "
        "only 198.51.100.0/24"
    ]


def test_a_rule_that_only_says_the_same_in_another_way_is_no_change():
    narrow = out("quotes", opened("10.0.0.0/9", 5432), opened("10.0.0.0/8", 5432))
    assert said([out("quotes", opened("10.0.0.0/8", 5432))], [narrow]) == []


def test_what_gets_narrower_says_what_is_left():
    wide, narrow = out("quotes", opened("10.0.0.0/8", 1024, 9000)), out("quotes", opened("10.0.0.0/8", 5432))
    assert said([wide], [narrow]) == [
        "quotes on ECS can no longer connect to 10.0.0.0/8 on ports 1024 to 9000 (tcp), only on port 5432 (tcp)"
    ]
    assert said([narrow], [wide]) == ["quotes on ECS can now also connect to 10.0.0.0/8 on ports 1024 to 9000 (tcp)"]


def test_a_wider_opening_has_another_id():
    one = compared([out("a")], [out("a", opened("10.0.0.0/8", 1))]).items[0]
    other = compared([out("a")], [out("a", opened("10.0.0.0/8", 1, 2))]).items[0]
    assert one.id != other.id
    assert " " not in one.id + other.id


def test_http_that_becomes_https_opens_nothing():
    plain = [routed("a", "/a", "/a/*")]
    secured = deepcopy([shared(ingress=[opened(WORLD, 80), opened(WORLD)]), routed("a", "/a", "/a/*")])
    secured[0].resources["Http"]["Properties"] |= {"Port": 443, "Protocol": "HTTPS"}
    found = exposure(Pair(Side("then", [*GROUND, *plain]), Side("now", [network(), *secured])))
    moved = "everybody on the internet now reaches a on ECS at /a over https (port 443) instead of http"
    assert moved in [item.text for item in found.items if item.gate is None]
    assert not [item.text for item in found.items if "reach a on" in item.text]


def test_several_services_with_the_same_way_out_are_one_sentence():
    names = ["a", "b", "c"]
    before, after = [quiet(name) for name in names], [service(name) for name in names]
    assert said(before, after) == ["a, b and c on ECS can now connect to any address on the internet on port 443 (tcp)"]


def test_rights_to_data_have_no_sentence_here():
    task = {
        "Task": resource("AWS::ECS::TaskDefinition", TaskRoleArn=att("Role", "Arn")),
        "Role": resource("AWS::IAM::Role", Policies=[{"PolicyDocument": PUBLIC_POLICY}]),
    }
    found = compared([service("a")], [service("a", more=task)])
    assert found.items == ()
    assert [(one.target, one.after) for one in found.crossings if one.status is Status.ADDED] == [
        ("bucket/*", ("reads",))
    ]


def test_changes_come_first_among_crossings():
    crossings = compared([out("quotes")], [out("quotes", DATABASE)]).crossings
    assert [one.status for one in crossings[:2]] == [Status.ADDED, Status.SAME]


def test_environments_of_other_names_compare_by_what_their_stacks_are():
    named = [replace(one, name=f"quay-other-{one.id}") for one in [*GROUND, routed("admin", "/admin")]]
    text = [value for one in named for value in one.resources.values()]
    for body in text:
        _rename(body)
    both = comparable(Side("then", named), (), Side("now", [*GROUND, routed("admin", "/admin")]))
    assert exposure(Pair(both.before, both.after)).items == ()


def _rename(node):
    if isinstance(node, dict):
        if "StackName" in node:
            node["StackName"] = node["StackName"].replace("quay-test-", "quay-other-")
        for value in node.values():
            _rename(value)
    elif isinstance(node, list):
        for value in node:
            _rename(value)


SIDES = [one for case in OPENINGS for one in case.values[:2]]


@settings(max_examples=30, deadline=None)
@given(side=st.sampled_from(SIDES))
def test_a_side_against_itself_changes_nothing(side):
    found = compared(side, side)
    assert found.items == ()
    assert found.before == found.after
    assert {one.status for one in found.crossings} <= {Status.SAME}


@settings(max_examples=40, deadline=None)
@given(before=st.sampled_from(SIDES), after=st.sampled_from(SIDES))
def test_the_way_back_mirrors_the_way_there(before, after):
    there, back = compared(before, after), compared(after, before)
    turned = {Status.ADDED: Status.REMOVED, Status.REMOVED: Status.ADDED}
    mirrored = [
        replace(one, before=one.after, after=one.before, status=turned.get(one.status, one.status))
        for one in there.crossings
    ]
    assert sorted(mirrored, key=str) == sorted(back.crossings, key=str)
    opened_there = {item.id for item in there.items if item.gate}
    closed_back = {item.id.replace(":not.", ":") for item in back.items if not item.gate}
    assert opened_there == closed_back


def test_a_hundred_services_on_both_platforms_take_no_time():
    names = [f"s{number:03}" for number in range(100)]
    stacks = [network(), shared()]
    for index, name in enumerate(names):
        target = names[(index + 1) % 100]
        stacks += [routed(name, f"/{name}", priority=index + 1), entered(name, f"/{name}")]
        stacks.append(pods(f"{name}x", {"egress": [to(target)], "ingress": [from_(target)]}))
    start = time.process_time()
    found = exposure(Pair(Side("then", stacks[:-3]), Side("now", stacks)))
    assert time.process_time() - start < 2
    assert len(found.before.edges) > 300
