"""`python -m ops preflight`: what only a look at the account shows, before a deployment fails on it."""

from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

import ops.__main__ as command
from config.settings import Egress, load_settings
from ops.preflight import UnfitError, preflight
from tests.conftest import ROOT

VIRGINIA = {
    f"us-east-1{letter}": f"use1-az{number}" for letter, number in zip("abcdef", (4, 6, 1, 2, 3, 5), strict=True)
}
CALIFORNIA = {"us-west-1a": "usw1-az2", "us-west-1b": "usw1-az1", "us-west-1c": "usw1-az3"}
TOKYO = {"ap-northeast-1a": "apne1-az4", "ap-northeast-1c": "apne1-az3", "ap-northeast-1d": "apne1-az2"}
PRODUCTION, SANDBOX = "harbour-production-Network", "harbour-sandbox-Network"


class Ec2:
    """An account's EC2: its zones, subnets and addresses."""

    def __init__(self, zones, *, default=(), deployed=(), addresses=(), nano=None, denied=()):
        self._zones, self._default, self._deployed = zones, default, deployed
        self._addresses, self._nano, self._denied = addresses, zones if nano is None else nano, denied

    def describe_availability_zones(self, *, Filters):  # noqa: N803 - boto3's spelling
        assert {f["Name"] for f in Filters} == {"zone-type", "state"}
        self._may("zones")
        return {"AvailabilityZones": [{"ZoneName": n, "ZoneId": i} for n, i in reversed(self._zones.items())]}

    def describe_subnets(self, *, Filters):  # noqa: N803 - boto3's spelling
        self._may("subnets")
        if Filters[0]["Name"] == "default-for-az":
            return {"Subnets": [{"AvailabilityZone": zone} for zone in self._default]}
        if Filters[0]["Name"] == "vpc-id":
            return {"Subnets": self._existing(*Filters[0]["Values"])}
        assert Filters == [{"Name": "tag:aws:cloudformation:stack-name", "Values": [SANDBOX]}]
        return {"Subnets": [deployed(*each) for each in self._deployed]}

    def _existing(self, vpc):
        return [s for s in self._deployed if s["VpcId"] == vpc]

    def describe_instance_type_offerings(self, *, LocationType, Filters):  # noqa: N803 - boto3's spelling
        assert LocationType == "availability-zone"
        (zone,) = Filters[0]["Values"]
        return {"InstanceTypeOfferings": [{"InstanceType": "t4g.nano"}] if zone in self._nano else []}

    def describe_addresses(self):
        self._may("addresses")
        tags = [[{"Key": "aws:cloudformation:stack-name", "Value": stack}] for stack in self._addresses]
        return {"Addresses": [{"Tags": each} for each in tags]}

    def _may(self, what):
        if what in self._denied:
            raise ClientError({"Error": {"Code": "UnauthorizedOperation", "Message": "no"}}, "Describe")


def deployed(zone, cidr, name=""):
    tags = [{"Key": "aws:cloudformation:logical-id", "Value": name}] if name else []
    return {"AvailabilityZone": zone, "CidrBlock": cidr, "Tags": tags}


def quota(value=None):
    def get_service_quota(**_):
        if value is None:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetServiceQuota")
        return {"Quota": {"Value": float(value)}}

    return SimpleNamespace(get_service_quota=get_service_quota)


def checked(ec2, quotas=None, **overrides):
    clients = {"ec2": ec2, "service-quotas": quotas or quota()}
    return list(preflight(load_settings(ROOT, "sandbox", overrides), clients.__getitem__))


def refused(ec2, quotas=None, **overrides):
    with pytest.raises(UnfitError) as caught:
        checked(ec2, quotas, **overrides)
    assert caught.value.exit_code == 2
    assert "\n" not in caught.value.message
    return caught.value.message.removeprefix("config/environments/sandbox.yaml: ")


# --- zones ------------------------------------------------------------------------------------------------------------


def test_the_zones_that_cloudformation_will_pick_are_listed_with_their_ids():
    assert checked(Ec2(VIRGINIA))[0] == "zones: us-east-1a (use1-az4), us-east-1b (use1-az6)"


def test_only_zones_with_a_default_subnet_count():
    ec2 = Ec2(VIRGINIA, default=["us-east-1c", "us-east-1d", "us-east-1f"])
    assert checked(ec2)[0] == "zones: us-east-1c (use1-az1), us-east-1d (use1-az2)"
    message = refused(ec2, zones="4")
    assert message.startswith("zones: is 4, and CloudFormation finds 3 here; write zones: [us-east-1a, us-east-1b, ")


@pytest.mark.parametrize(
    ("zones", "number", "problem"),
    [
        (VIRGINIA, 5, "zones: include us-east-1e (use1-az3), which has no EKS; "),
        (CALIFORNIA, 2, "zones: include us-west-1a (usw1-az2), which has no EKS and no Fargate; "),
        (TOKYO, 2, "zones: include ap-northeast-1c (apne1-az3), which has no Fargate; "),
    ],
)
def test_a_zone_without_a_platform_is_refused(zones, number, problem):
    assert refused(Ec2(zones), zones=str(number)).startswith(problem)


def test_the_remedy_names_zones_that_have_everything_and_the_region_they_need():
    remedy = refused(Ec2(CALIFORNIA)).partition("; ")[2]
    assert remedy == "write zones: [us-west-1b, us-west-1c] and region: us-west-1"


def test_a_region_without_enough_zones_has_another_remedy():
    assert refused(Ec2(CALIFORNIA), zones="3").endswith("; write zones: 2, or use another region")


def test_a_zone_matters_only_to_the_platforms_of_the_environment():
    checked(Ec2(VIRGINIA), platforms="ecs", zones="5")
    checked(Ec2(TOKYO), platforms="eks")


def test_a_first_zone_without_the_nat_instances_type_is_refused():
    ec2 = Ec2(VIRGINIA, nano=["us-east-1b", "us-east-1c"])
    assert "include us-east-1a (use1-az4), which has no t4g.nano" in refused(ec2)
    checked(ec2, egress="endpoints")


def test_a_named_zone_that_the_account_lacks_is_refused():
    message = refused(Ec2(CALIFORNIA), zones="us-west-1b,us-west-1d", region="us-west-1")
    assert message == "zones: names us-west-1d, which this account does not have; write zones: [us-west-1b, us-west-1c]"


# --- subnets ----------------------------------------------------------------------------------------------------------

DEPLOYED = [
    ("us-east-1b", "10.20.16.0/20", "VpcPublicSubnet2Subnet691E08A3"),
    ("us-east-1a", "10.20.0.0/20", "VpcPublicSubnet1Subnet5C2D37C4"),
    ("us-east-1a", "10.20.96.0/20", "VpcPrivateSubnet1Subnet536B997A"),
]


def test_a_new_environment_and_one_that_grows_pass():
    assert checked(Ec2(VIRGINIA))[1] == "deployed subnets: none yet"
    assert checked(Ec2(VIRGINIA, deployed=DEPLOYED), zones="3")[1] == "deployed subnets: 3 in 2 zones"


def test_removing_a_zone_with_subnets_is_refused():
    message = refused(Ec2(VIRGINIA, deployed=[*DEPLOYED, ("us-east-1c", "10.20.32.0/20")]))
    assert message.startswith(f"zones: is fewer than the 3 in which {SANDBOX} has subnets")
    assert message.endswith("; keep 3")


def test_subnets_cut_in_another_way_are_not_moved():
    ec2 = Ec2(VIRGINIA, deployed=[("us-east-1a", "10.20.0.0/18"), ("us-east-1b", "10.20.64.0/18")])
    assert refused(ec2).startswith(f"vpc_cidr: is divided otherwise than {SANDBOX} has been deployed")


@pytest.mark.parametrize(
    "zones", ["us-east-1b,us-east-1a", "us-east-1c,us-east-1a,us-east-1b", "us-east-1a,us-east-1c"]
)
def test_zones_in_another_order_or_others_in_their_place_are_refused(zones):
    message = refused(Ec2(VIRGINIA, deployed=DEPLOYED), zones=zones, region="us-east-1")
    assert "and the deployed subnets are in us-east-1a, us-east-1b, in this order" in message
    assert message.endswith("; write zones: [us-east-1a, us-east-1b]; add others only after these")


def test_a_zone_that_is_new_in_the_region_does_not_pass_unnoticed():
    """A number means the first zones by name; a region's list can change."""
    ec2 = Ec2(VIRGINIA, default=["us-east-1a", "us-east-1c"], deployed=DEPLOYED)
    assert refused(ec2).startswith(
        "zones: means us-east-1a, us-east-1c, and the deployed subnets are in us-east-1a, us-east-1b"
    )


@pytest.mark.parametrize(("cidr", "length"), [("10.20.0.0/16", 20), ("10.20.0.0/23", 27), ("10.20.0.0/24", 27)])
def test_the_settings_know_the_length_of_their_subnets(cidr, length):
    assert load_settings(ROOT, "sandbox", {"vpc_cidr": cidr}).subnet_length == length


# --- addresses --------------------------------------------------------------------------------------------------------


def test_a_second_environment_with_three_gateways_is_refused_under_the_default_quota():
    ec2 = Ec2(VIRGINIA, addresses=[PRODUCTION] * 3)
    message = refused(ec2, egress="nat-per-zone", zones="3")
    assert message.startswith(
        "egress: takes 3 Elastic IP addresses, and 3 of the account's 5 in this region are taken; "
    )


def test_the_accounts_own_quota_counts_else_the_settings():
    ec2 = Ec2(VIRGINIA, addresses=[PRODUCTION] * 3)
    nat = {"egress": "nat-per-zone", "zones": "3"}
    assert checked(ec2, quota(10), **nat)[2] == "Elastic IP addresses: 3 needed, 3 of 10 taken by others"
    assert checked(ec2, quota(), **nat, **{"quotas.addresses": "8"})[2].endswith("3 of 8 taken by others")


def test_addresses_of_the_environment_itself_are_not_counted_twice():
    ec2 = Ec2(VIRGINIA, addresses=[SANDBOX] * 3)
    assert checked(ec2, egress="nat-per-zone", zones="3")[2].startswith("Elastic IP addresses: 3 needed, 0 of 5 taken")


@pytest.mark.parametrize("egress", [Egress.NAT_INSTANCE, Egress.ENDPOINTS])
def test_without_gateways_no_address_is_needed(egress):
    ec2 = Ec2(VIRGINIA, addresses=[PRODUCTION] * 5)
    assert checked(ec2, egress=egress.value)[2] == "Elastic IP addresses: none needed"


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["zones", "subnets", "addresses"])
def test_what_the_credentials_may_not_read_is_said_and_not_an_error(what):
    lines = checked(Ec2(VIRGINIA, denied=[what]), egress="single-nat")
    assert any(line.endswith("not checked, since these credentials may not read them") for line in lines)
    assert len(lines) == 3


@mock_aws
def test_the_command_reads_a_real_shaped_answer(capsys, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    assert command.main(["preflight", "--root", str(ROOT), "--env", "production"]) == 0
    assert "zones: eu-central-1a (euc1-az" in capsys.readouterr().out


def test_missing_credentials_are_one_line(capsys, no_credentials):
    assert command.main(["preflight", "--root", str(ROOT)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: zones: Unable to locate credentials; set AWS_PROFILE")
    assert error.count("\n") == 1


# --- a VPC that exists ------------------------------------------------------------------------------------------------

VPC = {
    "id": "vpc-0123456789abcdef0",
    "cidr": "10.50.0.0/16",
    "zones": ["us-west-1b", "us-west-1c"],
    "public_subnets": ["subnet-0aaaaaaaaaaaaaaa1", "subnet-0aaaaaaaaaaaaaaa2"],
    "public_cidrs": ["10.50.0.0/24", "10.50.1.0/24"],
    "private_subnets": ["subnet-0bbbbbbbbbbbbbbb1", "subnet-0bbbbbbbbbbbbbbb2"],
}


def in_vpc(number, zone, cidr, *, vpc=VPC["id"]):
    return {
        "SubnetId": f"subnet-0{number[0] * 15}{number[1]}",
        "VpcId": vpc,
        "AvailabilityZone": zone,
        "CidrBlock": cidr,
    }


def preflight_of(*subnets):
    overrides = {"vpc": VPC, "region": "us-west-1", "vpc_cidr": None, "zones": None, "egress": None}
    clients = {"ec2": Ec2(CALIFORNIA, deployed=subnets), "service-quotas": quota()}
    return list(preflight(load_settings(ROOT, "sandbox", overrides), clients.__getitem__))


FITTING = (
    in_vpc("a1", "us-west-1b", "10.50.0.0/24"),
    in_vpc("a2", "us-west-1c", "10.50.1.0/24"),
    in_vpc("b1", "us-west-1b", "10.50.64.0/18"),
    in_vpc("b2", "us-west-1c", "10.50.128.0/18"),
)


def test_the_subnets_of_a_vpc_that_exists_are_listed_and_no_address_is_needed():
    lines = preflight_of(*FITTING)
    assert lines[1:] == [
        "deployed subnets: 4 in 2 zones of vpc-0123456789abcdef0",
        "Elastic IP addresses: none needed",
    ]


@pytest.mark.parametrize(
    ("index", "there", "message"),
    [
        (
            2,
            in_vpc("b1", "us-west-1b", "10.50.64.0/18", vpc="vpc-1"),
            "vpc.private_subnets[0]: is subnet-0bbbbbbbbbbbbbbb1, which vpc-0123456789abcdef0 does not have; write another",
        ),
        (
            1,
            in_vpc("a2", "us-west-1b", "10.50.1.0/24"),
            "vpc.public_subnets[1]: is subnet-0aaaaaaaaaaaaaaa2, in us-west-1b; name one in us-west-1c",
        ),
        (
            0,
            in_vpc("a1", "us-west-1b", "10.50.9.0/24"),
            "vpc.public_cidrs[0]: is 10.50.0.0/24, and subnet-0aaaaaaaaaaaaaaa1 has 10.50.9.0/24; write 10.50.9.0/24",
        ),
    ],
)
def test_a_vpc_that_is_not_as_the_settings_say_is_refused(index, there, message):
    subnets = [there if number == index else subnet for number, subnet in enumerate(FITTING)]
    with pytest.raises(UnfitError) as caught:
        preflight_of(*subnets)
    assert caught.value.message == f"config/environments/sandbox.yaml: {message}"
