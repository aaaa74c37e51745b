"""Data and downtime, cost and limits, from handwritten stacks."""

from decimal import Decimal

from config import quotas
from ops.review.data import data_items, routine
from ops.review.model import Gate, Weight
from ops.review.money import cost
from ops.review.pair import Pair, Side
from ops.review.usage import limits
from tests.fakes.stacks import att, ref, resource, stack

TABLE = "AWS::DynamoDB::Table"
GATEWAY = "AWS::EC2::NatGateway"


def pair(before, after, **more):
    return Pair(Side("then", before), Side("now", after), **more)


def table(key):
    return resource(TABLE, KeySchema=[{"AttributeName": key, "KeyType": "HASH"}])


def test_a_changed_key_is_a_danger_with_both_keys_as_evidence():
    (item,) = data_items(pair([stack("State", {"T": table("id")})], [stack("State", {"T": table("at")})]), "sandbox")
    assert item.text == "State: DynamoDB Table T is replaced, and its items are deleted"
    assert (item.weight, item.gate, item.id) == (Weight.DANGER, Gate.DATA_LOSS, "data:data-lost:State/T")
    (evidence,) = item.evidence
    assert (evidence.before, evidence.after) == ("KeySchema/0/AttributeName: id", "KeySchema/0/AttributeName: at")


def test_a_new_revision_of_a_task_definition_is_routine_and_says_nothing():
    def tasks(image):
        definition = resource("AWS::ECS::TaskDefinition", ContainerDefinitions=[{"Name": "web", "Image": image}])
        service = resource("AWS::ECS::Service", TaskDefinition=ref("D"))
        return [stack("Ecs-web", {"D": definition, "S": service})]

    found = pair(tasks("web:1"), tasks("web:2"))
    assert data_items(found, "sandbox") == ()
    assert routine(found) == (("Ecs-web", "2 updated"),)


def test_an_order_of_several_deployments_is_one_item_with_its_commands():
    def groups(first, **second):
        kind = "AWS::Logs::LogGroup"
        more = {key: resource(kind, LogGroupName=name) for key, name in second.items()}
        return [stack("A", {"L": resource(kind, LogGroupName=first)}), stack("B", more)]

    found = data_items(pair(groups("/one", M="/two"), groups("/three", M="/two", N="/one")), "sandbox")
    (order,) = (item for item in found if item.id.startswith("data:order"))
    assert any(item.gate is Gate.REFUSED for item in found)
    commands = ["cdk deploy --exclusively A -c env=sandbox", "make deploy ENV=sandbox"]
    assert order.evidence[0].after.splitlines() == commands
    assert order.text == f"this takes 2 steps, in this order: {'; then '.join(commands)}"


def test_nothing_against_itself():
    same = [stack("State", {"T": table("id"), "G": resource(GATEWAY, SubnetId=att("S", "Id"))})]
    found = pair(same, same)
    assert (data_items(found, "sandbox"), routine(found)) == ((), ())
    assert Decimal(cost(found).difference) == 0
    assert all(usage.before == usage.after for usage in limits(found))


def test_the_bill_names_what_makes_the_difference_first():
    key, gateway = resource("AWS::KMS::Key"), resource(GATEWAY)
    found = cost(pair([stack("Network", {"K": key})], [stack("Network", {"K": key, "G": gateway})]))
    assert [line.what for line in found.lines][:2] == ["NAT gateway", "public IPv4 address of a NAT gateway"]
    assert found.lines[0].before == ""
    assert found.lines[0].after == "1 for 32.85"
    assert found.lines[0].difference == "+32.85"
    assert (found.before, found.after, found.difference) == ("1.00", "37.50", "+36.50")
    back = cost(pair([stack("Network", {"K": key, "G": gateway})], [stack("Network", {"K": key})]))
    assert back.difference == "-36.50"


def test_the_fullest_quota_comes_first_and_a_raised_one_counts():
    tables = {f"T{number}": table("id") for number in range(30)}
    before, after = [stack("State", {"T0": table("id")})], [stack("State", tables)]
    assert limits(pair(before, after, quotas={quotas.TABLES.name: 30}))[0].limit == 30
    first = limits(pair(before, after, quotas={quotas.TABLES.name: 30}))[0]
    assert (first.quota, first.before, first.after, first.share) == (quotas.TABLES.counts, 1, 30, 1.0)
    assert limits(pair(before, after))[0].limit != 30


def test_a_template_without_what_decides_a_price_costs_nothing_and_breaks_nothing():
    strange = {
        name: {"Type": kind, "Properties": properties}
        for name, kind, properties in (
            ("A", "AWS::ECS::Service", {"DesiredCount": ref("N"), "CapacityProviderStrategy": "x"}),
            ("B", "AWS::ECS::TaskDefinition", {"ContainerDefinitions": [], "Cpu": ref("C")}),
            ("C", "AWS::EC2::VPCEndpoint", {"VpcEndpointType": "Interface", "SubnetIds": ref("S")}),
            ("D", "AWS::ElasticLoadBalancingV2::LoadBalancer", {"Subnets": ref("S")}),
            ("E", "AWS::ApplicationAutoScaling::ScalingPolicy", {"TargetTrackingScalingPolicyConfiguration": ref("S")}),
            ("F", "AWS::CloudWatch::Alarm", None),
        )
    }
    assert Decimal(cost(pair([], [stack("Ecs-x", strange)])).after) > 0  # the load balancer


def test_a_resource_has_the_name_of_its_construct_and_its_service():
    def state(key):
        return [
            stack(
                "State",
                {"Tablequotes0123ABCD": {**table(key), "Metadata": {"aws:cdk:path": "State/Table-quotes/Resource"}}},
            )
        ]

    service = [stack("Ecs-quotes", {"G": resource(GATEWAY)})]
    (item,) = data_items(pair([*state("id"), *service], [*state("at"), *service]), "sandbox")
    assert item.text == "State: DynamoDB Table quotes is replaced, and its items are deleted"
    assert item.service == "quotes"
    assert item.id == "data:data-lost:State/Tablequotes0123ABCD"
