"""What changing a setting of the network does to one that is running, read from templates before and after."""

import pytest
from aws_cdk import App

from config.settings import Egress, load_settings
from stacks.network import NetworkStack
from tests.conftest import ROOT

SUBNET, ROUTE, INSTANCE = "AWS::EC2::Subnet", "AWS::EC2::Route", "AWS::EC2::Instance"


def network(**overrides):
    """The template of the stack Network."""
    app = App()
    NetworkStack(app, "Network", settings=load_settings(ROOT, "sandbox", overrides), key=None)
    return app.synth().get_stack_artifact("Network").template


def resources(template, kind):
    return {name: r for name, r in template["Resources"].items() if r["Type"] == kind}


def ranges(template):
    return {name: subnet["Properties"]["CidrBlock"] for name, subnet in resources(template, SUBNET).items()}


def private_routes(template):
    return {name: r["Properties"] for name, r in resources(template, ROUTE).items() if "Private" in name}


def nat(template):
    ((name, instance),) = resources(template, INSTANCE).items()
    return name, instance


# --- ranges -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cidr", "most"), [("10.20.0.0/16", 6), ("10.20.0.0/20", 6), ("10.20.0.0/23", 6), ("10.20.0.0/24", 4)]
)
def test_adding_a_zone_adds_subnets_and_moves_none(cidr, most):
    before = ranges(network(vpc_cidr=cidr, zones="2"))
    for zones in range(3, most + 1):
        after = ranges(network(vpc_cidr=cidr, zones=str(zones)))
        assert before.items() < after.items()
        assert len(after) == len(set(after.values())) == 2 * zones
        before = after


@pytest.mark.parametrize("egress", Egress)
def test_no_egress_moves_a_subnet(egress):
    assert ranges(network(egress=egress.value)) == ranges(network())


def test_appending_a_named_zone_leaves_the_others_where_they_are():
    def zones(*names):
        return network(zones=",".join(f"eu-west-1{name}" for name in names), region="eu-west-1")

    before, after = resources(zones("a", "c"), SUBNET), resources(zones("a", "c", "b"), SUBNET)
    assert all(after[name]["Properties"] == subnet["Properties"] for name, subnet in before.items())


# --- egress -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("egress", [Egress.NAT_PER_ZONE, Egress.SINGLE_NAT, Egress.NAT_INSTANCE])
def test_another_nat_changes_the_target_of_the_same_routes(egress):
    """An update of a route's target needs no interruption, and CloudFormation deletes the old NAT last."""
    before, after = private_routes(network()), private_routes(network(egress=egress.value))
    assert before.keys() == after.keys()
    for name, route in after.items():
        unchanged = ("RouteTableId", "DestinationCidrBlock")
        assert {key: route[key] for key in unchanged} == {key: before[name][key] for key in unchanged}


def test_without_egress_the_routes_are_the_only_thing_missing_from_the_subnets():
    template = network(egress="endpoints")
    assert not private_routes(template)
    kept = ("AWS::EC2::RouteTable", "AWS::EC2::SubnetRouteTableAssociation")
    assert all(resources(template, kind).keys() == resources(network(), kind).keys() for kind in kept)


# --- NAT instance -----------------------------------------------------------------------------------------------------


def test_the_stack_waits_until_the_nat_instance_says_that_it_forwards():
    name, instance = nat(network())
    assert instance["CreationPolicy"] == {"ResourceSignal": {"Count": 1, "Timeout": "PT15M"}}
    text = str(instance["Properties"]["UserData"])
    assert f"RESOURCE={name}\\n" in text
    assert "STACK=harbour-sandbox-Network\\n" in text
    assert "cfn-signal --exit-code" in text


def test_the_nat_instance_starts_after_its_way_to_the_internet():
    needed = str(nat(network())[1]["DependsOn"])
    assert "PublicSubnet1DefaultRoute" in needed
    assert "PublicSubnet1RouteTableAssociation" in needed


def test_the_template_has_no_parameter_that_keeps_the_cli_from_skipping_the_stack():
    assert network()["Parameters"].keys() == {"BootstrapVersion"}
    assert "latest" in nat(network())[1]["Properties"]["ImageId"]


def test_a_pinned_image_is_the_only_thing_that_the_pin_changes_but_for_the_id():
    pinned, newest = (network(region="eu-west-1", **o) for o in ({"nat_image": "ami-0123456789abcdef0"}, {}))
    assert nat(pinned)[1]["Properties"]["ImageId"] == "ami-0123456789abcdef0"
    assert nat(pinned)[0] != nat(newest)[0]  # another instance, whose signal is waited for
    assert pinned["Resources"].keys() ^ newest["Resources"].keys() == {nat(pinned)[0], nat(newest)[0]}


def test_the_nat_instance_has_no_permission_and_admits_only_the_vpc():
    template = network()
    (role,) = (r for name, r in resources(template, "AWS::IAM::Role").items() if "NatInstance" in name)
    assert "ManagedPolicyArns" not in role["Properties"]
    assert not [p for p in resources(template, "AWS::IAM::Policy") if "NatInstance" in p]
    (group,) = (r for name, r in resources(template, "AWS::EC2::SecurityGroup").items() if "Nat" in name)
    assert [rule["CidrIp"] for rule in group["Properties"]["SecurityGroupIngress"]] == ["10.20.0.0/16"]


def test_the_nat_instance_asks_for_tokens_and_has_an_encrypted_disk():
    properties = nat(network())[1]["Properties"]
    assert properties["MetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
    assert [d["Ebs"]["Encrypted"] for d in properties["BlockDeviceMappings"]] == [True]
    assert properties["SourceDestCheck"] is False


def test_user_data_fits_into_what_ec2_allows():
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html"""
    assert len(str(nat(network())[1]["Properties"]["UserData"])) < 16_384
