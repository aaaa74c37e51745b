"""What reaches what on one side: handwritten stacks, each with one way, and the same without one of its ends."""

import json
from copy import deepcopy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.changes.sides import Sides
from ops.review.exposure import exposure
from ops.review.pair import Pair, Side
from ops.review.reach import reach
from tests.fakes.reach import EC2, WORLD, entered, from_, network, opened, pods, routed, service, shared, to
from tests.fakes.stacks import att, resource, stack, weak


def reached(*stacks):
    """Edges as (source, target): words."""
    sides = Sides([], stacks)
    return {(edge.source, edge.target): edge.what for edge in reach(sides.after, sides.will_be).edges}


class TestSecurityGroups:
    def call(self, *, egress=True, ingress=True, low=8080, high=8080):
        """Quotes calls tracking; either end can be missing."""
        own, other = att("Group", "GroupId"), weak("Ecs-tracking", "Group")
        ways = {}
        if egress:
            ways["Out"] = resource(
                f"{EC2}SecurityGroupEgress",
                GroupId=own,
                DestinationSecurityGroupId=other,
                IpProtocol="tcp",
                FromPort=low,
                ToPort=high,
            )
        if ingress:
            ways["In"] = resource(
                f"{EC2}SecurityGroupIngress",
                GroupId=other,
                SourceSecurityGroupId=own,
                IpProtocol="tcp",
                FromPort=8080,
                ToPort=8080,
            )
        return reached(network(), service("tracking"), service("quotes", more=ways))

    def test_a_way_needs_both_ends(self):
        assert self.call()["ecs/quotes", "ecs/tracking"] == ("tcp 8080",)
        assert ("ecs/quotes", "ecs/tracking") not in self.call(egress=False)
        assert ("ecs/quotes", "ecs/tracking") not in self.call(ingress=False)

    def test_what_is_open_is_what_both_ends_open(self):
        assert self.call(low=1024, high=9000)["ecs/quotes", "ecs/tracking"] == ("tcp 8080",)
        assert ("ecs/quotes", "ecs/tracking") not in self.call(low=9000, high=9001)

    def test_a_range_that_holds_the_callers_subnet_admits_it(self):
        target = service("tracking", ingress=[opened("10.20.0.0/16", 443)])
        assert reached(network(), target, service("quotes"))["ecs/quotes", "ecs/tracking"] == ("tcp 443",)
        elsewhere = service("tracking", ingress=[opened("10.20.0.0/20", 443)])
        assert ("ecs/quotes", "ecs/tracking") not in reached(network(), elsewhere, service("quotes"))

    def test_a_group_without_egress_rules_lets_out_everything(self):
        edges = reached(network(), service("quotes", egress=()))
        assert edges["ecs/quotes", "internet"] == ("all",)

    @pytest.mark.parametrize(
        ("rule", "node", "what"),
        [
            (opened("10.0.0.0/8", 5432), "private", "tcp 5432 10.0.0.0/8"),
            (opened("10.20.4.0/24", 5432), "vpc", "tcp 5432 10.20.4.0/24"),
            (opened("203.0.113.0/24", 5432), "address/203.0.113.0/24", "tcp 5432"),
            (opened(WORLD, 5432), "internet", "tcp 5432"),
            (opened("0.0.0.0/1", 5432), "internet", "tcp 5432 0.0.0.0/1"),
            ({"CidrIpv6": "::/0", "IpProtocol": "-1"}, "internet", "all IPv6"),
            ({"DestinationPrefixListId": "pl-1", "IpProtocol": "udp", "FromPort": 53}, "prefix-list/pl-1", "udp 53"),
            ({"DestinationSecurityGroupId": "sg-1", "IpProtocol": "6", "FromPort": 1}, "group/sg-1", "tcp 1"),
        ],
    )
    def test_a_way_out_ends_at_the_node_of_its_addresses(self, rule, node, what):
        assert reached(network(), service("quotes", egress=[rule]))["ecs/quotes", node] == (what,)

    def test_https_to_anywhere_reaches_aws_and_the_internet_only_if_a_route_leads_there(self):
        there = network()
        assert {"aws", "internet"} <= {target for _, target in reached(there, service("quotes"))}
        del there.resources["Out"]
        assert {target for _, target in reached(there, service("quotes"))} == {"aws"}

    def test_only_a_public_address_is_open_to_the_internet(self):
        wide = [opened(WORLD, 22)]
        assert reached(network(), service("quotes", ingress=wide, public=True))["internet", "ecs/quotes"] == ("tcp 22",)
        edges = reached(network(), service("quotes", ingress=wide))
        assert ("internet", "ecs/quotes") not in edges
        assert edges["private", "ecs/quotes"] == ("tcp 22 0.0.0.0/0",)

    def test_an_open_group_of_something_else_is_told(self):
        other = stack("Network", {"Nat": resource(f"{EC2}SecurityGroup", SecurityGroupIngress=[opened(WORLD, 22)])})
        assert reached(other) == {("internet", "group/Network/Nat"): ("tcp 22",)}


class TestLoadBalancer:
    def test_from_the_internet_through_a_rule_to_a_service(self):
        edges = reached(network(), shared(), routed("admin", "/admin", "/admin/*"))
        assert edges["internet", "ecs/load-balancer"] == ("http 80",)
        assert edges["ecs/load-balancer", "ecs/admin"] == ("http /admin",)
        assert ("internet", "ecs/admin") not in edges

    @pytest.mark.parametrize("action", ["redirect", "fixed-response"])
    def test_an_answer_of_its_own_is_no_way_in(self, action):
        edges = reached(network(), shared(), routed("admin", "/admin", action=action))
        assert ("ecs/load-balancer", "ecs/admin") not in edges

    def test_a_rule_that_another_one_comes_before_never_gets_a_request(self):
        first = routed("first", "/*", priority=1)
        edges = reached(network(), shared(), first, routed("admin", "/admin", "/admin/*", priority=2))
        assert ("ecs/load-balancer", "ecs/admin") not in edges
        late = reached(network(), shared(), routed("first", "/*", priority=3), routed("admin", "/admin", priority=2))
        assert late["ecs/load-balancer", "ecs/admin"] == ("http /admin only",)

    def test_hosts_and_other_conditions_are_part_of_the_way(self):
        conditions = [
            {"Field": "host-header", "HostHeaderConfig": {"Values": ["a.example.com"]}},
            {"Field": "source-ip"},
        ]
        edges = reached(network(), shared(), routed("admin", "/*", conditions=conditions))
        assert edges["ecs/load-balancer", "ecs/admin"] == ("http a.example.com/ with source-ip",)

    def test_both_groups_have_to_let_it_through(self):
        assert ("ecs/load-balancer", "ecs/admin") not in reached(
            network(), shared(egress=[opened("10.20.0.0/16", 9000)]), routed("admin", "/admin")
        )
        closed = routed("admin", "/admin")
        closed.resources["Group"]["Properties"]["SecurityGroupIngress"] = []
        assert ("ecs/load-balancer", "ecs/admin") not in reached(network(), shared(), closed)

    def test_an_internal_one_is_not_open_to_the_internet(self):
        edges = reached(network(), shared("internal"))
        assert edges["private", "ecs/load-balancer"] == ("http 80 0.0.0.0/0",)
        assert not [ends for ends in edges if ends[0] == "internet"]

    def test_a_port_without_a_listener_leads_nowhere(self):
        assert ("internet", "ecs/load-balancer") not in reached(network(), shared(ingress=[opened(WORLD, 443)]))


class TestPolicies:
    def test_a_way_needs_both_ends(self):
        target = pods("tracking", {"ingress": [from_("quotes")]})
        assert reached(target, pods("quotes", {"egress": [to("tracking")]}))["eks/quotes", "eks/tracking"] == (
            "tcp 8080",
        )
        assert ("eks/quotes", "eks/tracking") not in reached(target, pods("quotes", {}))
        assert ("eks/quotes", "eks/tracking") not in reached(
            pods("tracking", {}), pods("quotes", {"egress": [to("tracking")]})
        )

    def test_pods_that_no_policy_selects_are_open_to_all(self):
        edges = reached(pods("tracking"), pods("quotes"))
        assert edges["eks/quotes", "eks/tracking"] == ("all",)

    def test_default_deny_closes_what_no_policy_opens(self):
        deny = {"kind": "NetworkPolicy", "metadata": {"name": "deny", "namespace": "quay"}}
        deny["spec"] = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
        edges = reached(pods("tracking", applied=[deny]), pods("quotes"))
        assert not [ends for ends in edges if "eks/tracking" in ends]

    def test_auto_mode_ignores_policies_that_nothing_switches_on(self):
        cluster = stack("Eks", {"Cluster": resource("AWS::EKS::Cluster", ComputeConfig={"Enabled": True})})
        edges = reached(cluster, pods("tracking", {}), pods("quotes", {}))
        assert edges["eks/quotes", "eks/tracking"] == ("all",)

    @pytest.mark.parametrize(
        ("rule", "node", "what"),
        [
            (
                {"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [{"port": 5432}]},
                "private",
                "tcp 5432 10.0.0.0/8",
            ),
            ({"ports": [{"port": 9000, "endPort": 9005, "protocol": "UDP"}]}, "internet", "udp 9000-9005"),
            ({"to": [{"ipBlock": {"cidr": WORLD}}], "ports": [{"port": 80}]}, "metadata", "tcp 80"),
        ],
    )
    def test_a_way_out_ends_at_the_node_of_its_addresses(self, rule, node, what):
        assert reached(pods("quotes", {"egress": [rule]}))["eks/quotes", node] == (what,)

    def test_what_a_block_leaves_out_stays_closed(self):
        block = {"cidr": WORLD, "except": ["169.254.0.0/16"]}
        edges = reached(pods("quotes", {"egress": [{"to": [{"ipBlock": block}], "ports": [{"port": 80}]}]}))
        assert ("eks/quotes", "metadata") not in edges
        assert edges["eks/quotes", "internet"] == ("tcp 80",)

    def test_other_namespaces_need_a_selector_of_their_own(self):
        rule = from_("quotes")
        source = pods("quotes", {"egress": [{"ports": [{"port": 8080}]}]})
        body = json.loads(source.resources["Objects"]["Properties"]["Manifest"])
        for item in body:
            item["metadata"]["namespace"] = "other"
        source.resources["Objects"]["Properties"]["Manifest"] = json.dumps(body)
        assert ("eks/quotes", "eks/tracking") not in reached(pods("tracking", {"ingress": [rule]}), source)
        rule["from"][0]["namespaceSelector"] = {"matchLabels": {"kubernetes.io/metadata.name": "other"}}
        assert reached(pods("tracking", {"ingress": [rule]}), source)["eks/quotes", "eks/tracking"] == ("tcp 8080",)

    def test_a_job_calls_as_a_deployment_does(self):
        source = pods("quotes", {"egress": [to("tracking")]}, kind="CronJob")
        edges = reached(pods("tracking", {"ingress": [from_("quotes")]}), source)
        assert edges["eks/quotes", "eks/tracking"] == ("tcp 8080",)


class TestIngress:
    def test_from_the_internet_through_an_ingress_to_pods(self):
        edges = reached(network(), entered("admin"))
        assert edges["internet", "eks/load-balancer"] == ("http 80",)
        assert edges["eks/load-balancer", "eks/admin"] == ("http /admin",)
        assert not [ends for ends in edges if ends[1] == "eks/admin" and ends[0] != "eks/load-balancer"]

    def test_a_policy_that_does_not_admit_the_load_balancer_keeps_it_out(self):
        assert ("eks/load-balancer", "eks/admin") not in reached(network(), entered("admin", policy={}))

    def test_an_internal_class_is_not_open_to_the_internet(self):
        edges = reached(network(), entered("admin", scheme="internal"))
        assert edges["private", "eks/load-balancer"] == ("http 80 0.0.0.0/0",)

    def test_an_answer_of_its_own_is_no_way_in(self):
        edges = reached(network(), entered("admin", backend="use-annotation"))
        assert ("eks/load-balancer", "eks/admin") not in edges

    def test_a_load_balancer_of_a_services_own_bypasses_the_shared_one(self):
        service = {
            "kind": "Service",
            "metadata": {
                "name": "admin",
                "namespace": "quay",
                "annotations": {"service.beta.kubernetes.io/aws-load-balancer-scheme": "internet-facing"},
            },
            "spec": {"type": "LoadBalancer", "selector": {"app": "admin"}, "ports": [{"port": 25, "targetPort": 8080}]},
        }
        assert reached(pods("admin", applied=[service]))["internet", "eks/admin"] == ("tcp 25",)


class TestApi:
    @pytest.mark.parametrize(
        ("access", "source"),
        [
            ({"EndpointPublicAccess": True}, "internet"),
            ({"EndpointPublicAccess": "true", "PublicAccessCidrs": ["198.51.100.7/32"]}, "address/198.51.100.7/32"),
            ({"EndpointPublicAccess": False, "EndpointPrivateAccess": True}, "vpc"),
        ],
    )
    def test_who_reaches_it(self, access, source):
        edges = reached(stack("Eks", {"Cluster": resource("AWS::EKS::Cluster", ResourcesVpcConfig=access)}))
        assert {ends[0] for ends in edges} == {source, "people"}


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["*", "-1", WORLD, "forward"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Ref", "Fn::GetAtt", "Fn::Join", "Fn::Sub", "CidrIp", "Type", "Field", "x"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)
SOUND = [
    network(),
    shared(),
    routed("admin", "/admin"),
    entered("admin"),
    stack("Eks", {"Cluster": resource("AWS::EKS::Cluster", ResourcesVpcConfig={})}),
]
PLACES = [
    (index, name, key)
    for index, one in enumerate(SOUND)
    for name, body in one.resources.items()
    for key in body["Properties"]
]


@settings(max_examples=60, deadline=None)
@given(place=st.sampled_from(PLACES), junk=JUNK)
def test_a_strange_value_is_unknown_and_never_a_crash(place, junk):
    index, name, key = place
    stacks = deepcopy(SOUND)
    stacks[index].resources[name]["Properties"][key] = junk
    exposure(Pair(Side("then", SOUND), Side("now", stacks)))


@settings(max_examples=60, deadline=None)
@given(path=st.sampled_from(["spec", "metadata", "kind"]), which=st.integers(0, 5), key=st.integers(0, 5), junk=JUNK)
def test_a_strange_object_is_unknown_and_never_a_crash(path, which, key, junk):
    one = entered("admin")
    objects = json.loads(one.resources["Objects"]["Properties"]["Manifest"])
    holder = objects[which % len(objects)]
    inner = holder.get(path)
    if isinstance(inner, dict) and inner:
        inner[sorted(inner)[key % len(inner)]] = junk
    else:
        holder[path] = junk
    one.resources["Objects"]["Properties"]["Manifest"] = json.dumps(objects)
    reached(network(), one)
