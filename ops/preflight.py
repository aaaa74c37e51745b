"""What only a look at the account shows before a deployment: zones, deployed subnets, Elastic IP addresses.

`make deploy` runs it. It only reads, and says what it may not read instead of failing.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from config.existing_vpc import ExistingVpc
from config.names import stack_name
from config.quotas import ADDRESSES
from config.settings import Egress, Settings, settings_file
from config.zones import missing_in
from ops.errors import OpsError

Clients = Callable[[str], Any]

_NAT_TYPE: Final = "t4g.nano"
_ADDRESSES_CODE: Final = "L-0263D0A3"  # https://docs.aws.amazon.com/general/latest/gr/ec2-service.html
_DENIED: Final = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}

_NUMBER: Final = re.compile(r"Subnet([1-6])Subnet")


class UnfitError(OpsError):
    """The account cannot take the environment as it is configured. Exit code 2."""

    def __init__(self, settings: Settings, field: str, problem: str, remedy: str) -> None:
        super().__init__(f"{settings_file(settings.environment)}: {field}: {problem}; {remedy}", exit_code=2)


def clients_of(settings: Settings) -> Clients:
    """boto3's clients in the environment's region, by the name of their service."""
    return lambda service: boto3.client(service, region_name=settings.region)  # type: ignore[call-overload]


def preflight(settings: Settings, clients: Clients) -> Iterator[str]:
    """Checks everything; yields a line per check.

    Raises:
        UnfitError: the first thing that would make the deployment fail.
        OpsError: credentials or the region are missing.
    """
    account = _Account(settings, clients)
    for what, check in (
        ("zones", account.check_zones),
        ("deployed subnets", account.check_subnets),
        ("Elastic IP addresses", account.check_addresses),
    ):
        try:
            yield f"{what}: {check()}"
        except ClientError as error:
            if error.response["Error"]["Code"] not in _DENIED:
                raise OpsError(f"{what}: {error}", exit_code=2) from error
            yield f"{what}: not checked, since these credentials may not read them"
        except BotoCoreError as error:
            raise OpsError(f"{what}: {error}; set AWS_PROFILE and AWS_REGION", exit_code=2) from error


class _Account:
    def __init__(self, settings: Settings, clients: Clients) -> None:
        self._settings = settings
        self._clients = clients

    @cached_property
    def _ec2(self) -> Any:
        return self._clients("ec2")

    # --- zones -------------------------------------------------------------------------------------------------------

    def check_zones(self) -> str:
        """The zones that the environment gets, all of which have what its platforms need."""
        ids = self._zone_ids()
        used = self._used(ids)
        for name in used:
            lacks = list(missing_in(ids[name], self._settings.platforms))
            if name == used[0] and not self._has_nat_type(name):
                lacks.append(f"{_NAT_TYPE}, the NAT instance's type")
            if lacks:
                raise self._unfit(f"include {name} ({ids[name]}), which has no {' and no '.join(lacks)}", ids)
        return ", ".join(f"{name} ({ids[name]})" for name in used)

    def _zone_ids(self) -> dict[str, str]:
        wanted = [{"Name": "zone-type", "Values": ["availability-zone"]}, {"Name": "state", "Values": ["available"]}]
        found = self._ec2.describe_availability_zones(Filters=wanted)["AvailabilityZones"]
        return {zone["ZoneName"]: zone["ZoneId"] for zone in sorted(found, key=lambda zone: str(zone["ZoneName"]))}

    def _used(self, ids: dict[str, str]) -> list[str]:
        zones = self._settings.zones
        if isinstance(zones, int):
            candidates = self._with_default_subnet(ids)
            if len(candidates) < zones:
                raise self._unfit(f"is {zones}, and CloudFormation finds {len(candidates)} here", ids)
            return candidates[:zones]
        for name in zones:
            if name not in ids:
                raise self._unfit(f"names {name}, which this account does not have", ids)
        return list(zones)

    def _with_default_subnet(self, ids: dict[str, str]) -> list[str]:
        """What Fn::GetAZs returns: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-getavailabilityzones.html"""
        found = self._ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
        default = {subnet["AvailabilityZone"] for subnet in found}
        return [name for name in ids if name in default] or list(ids)

    def _has_nat_type(self, name: str) -> bool:
        if self._settings.egress is not Egress.NAT_INSTANCE:
            return True
        wanted = [{"Name": "location", "Values": [name]}, {"Name": "instance-type", "Values": [_NAT_TYPE]}]
        offers = self._ec2.describe_instance_type_offerings(LocationType="availability-zone", Filters=wanted)
        return bool(offers["InstanceTypeOfferings"])

    def _unfit(self, problem: str, ids: dict[str, str]) -> UnfitError:
        good = [
            name
            for name, zone_id in ids.items()
            if not [*missing_in(zone_id, self._settings.platforms)] and self._has_nat_type(name)
        ]
        if len(good) < self._settings.zone_count:
            return UnfitError(
                self._settings, "zones", problem, f"write zones: {max(len(good), 2)}, or use another region"
            )
        names = ", ".join(good[: self._settings.zone_count])
        return UnfitError(self._settings, "zones", problem, f"write zones: [{names}]{self._and_region(good)}")

    def _and_region(self, zones: list[str]) -> str:
        """Names of zones need the setting region."""
        return "" if self._settings.region else f" and region: {zones[0][:-1]}"

    # --- subnets that are there already ------------------------------------------------------------------------------

    def check_subnets(self) -> str:
        """Refuses to remove a zone in which tasks run, to move the ranges of subnets in use, and wrong ids of existing ones."""
        if self._settings.vpc:
            return self._check_existing(self._settings.vpc)
        name = stack_name(self._settings, "Network")
        wanted = [{"Name": "tag:aws:cloudformation:stack-name", "Values": [name]}]
        found = self._ec2.describe_subnets(Filters=wanted)["Subnets"]
        if not found:
            return "none yet"
        zones = {str(subnet["AvailabilityZone"]) for subnet in found}
        if len(zones) > self._settings.zone_count:
            problem = f"is fewer than the {len(zones)} in which {name} has subnets, and AWS deletes no subnet in use"
            raise UnfitError(self._settings, "zones", problem, f"keep {len(zones)}")
        if {ipaddress.ip_network(subnet["CidrBlock"]).prefixlen for subnet in found} != {self._settings.subnet_length}:
            problem = f"is divided otherwise than {name} has been deployed, and AWS moves no range of a subnet in use"
            remedy = "give this version an environment of its own (docs/network.md)"
            raise UnfitError(self._settings, "vpc_cidr", problem, remedy)
        self._check_order(found)
        return f"{len(found)} in {len(zones)} zones"

    def _check_existing(self, vpc: ExistingVpc) -> str:
        """The subnets of a VPC that exists are where the settings say."""
        found = self._ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc.id]}])["Subnets"]
        by_id = {str(subnet["SubnetId"]): subnet for subnet in found}
        for field in ("public_subnets", "private_subnets"):
            for index, (subnet_id, zone) in enumerate(zip(getattr(vpc, field), vpc.zones, strict=True)):
                where = f"vpc.{field}[{index}]"
                if subnet_id not in by_id:
                    raise UnfitError(
                        self._settings, where, f"is {subnet_id}, which {vpc.id} does not have", "write another"
                    )
                there = str(by_id[subnet_id]["AvailabilityZone"])
                if there != zone:
                    raise UnfitError(self._settings, where, f"is {subnet_id}, in {there}", f"name one in {zone}")
        for index, (subnet_id, cidr) in enumerate(zip(vpc.public_subnets, vpc.public_cidrs, strict=True)):
            actual = str(by_id[subnet_id]["CidrBlock"])
            if actual != cidr:
                problem = f"is {cidr}, and {subnet_id} has {actual}"
                raise UnfitError(self._settings, f"vpc.public_cidrs[{index}]", problem, f"write {actual}")
        return f"{2 * len(vpc.zones)} in {len(vpc.zones)} zones of {vpc.id}"

    def _check_order(self, subnets: list[dict[str, Any]]) -> None:
        numbers = {int(found[1]): str(s["AvailabilityZone"]) for s in subnets if (found := _NUMBER.search(_id_of(s)))}
        deployed = [numbers[number] for number in sorted(numbers)]
        wanted = self._used(self._zone_ids())[: len(deployed)]
        if deployed != wanted:
            problem = f"means {', '.join(wanted)}, and the deployed subnets are in {', '.join(deployed)}, in this order"
            remedy = f"write zones: [{', '.join(deployed)}]{self._and_region(deployed)}; add others only after these"
            raise UnfitError(self._settings, "zones", problem, remedy)

    # --- addresses ---------------------------------------------------------------------------------------------------

    def check_addresses(self) -> str:
        """The Elastic IP addresses of NAT gateways, with those of everything else in the region, fit into the quota."""
        gateways = {Egress.NAT_PER_ZONE: self._settings.zone_count, Egress.SINGLE_NAT: 1}
        needed = gateways.get(self._settings.egress, 0) if self._settings.egress else 0
        if not needed:
            return "none needed"
        taken = sum(not self._is_own(address) for address in self._ec2.describe_addresses()["Addresses"])
        limit = self._address_quota()
        if taken + needed > limit:
            problem = (
                f"takes {needed} Elastic IP addresses, and {taken} of the account's {limit} in this region are taken"
            )
            remedy = f"write single-nat or nat-instance, or ask AWS to raise the quota {_ADDRESSES_CODE}"
            raise UnfitError(self._settings, "egress", problem, remedy)
        return f"{needed} needed, {taken} of {limit} taken by others"

    def _is_own(self, address: dict[str, Any]) -> bool:
        return _tag(address, "aws:cloudformation:stack-name") == stack_name(self._settings, "Network")

    def _address_quota(self) -> int:
        try:
            quota = self._clients("service-quotas").get_service_quota(ServiceCode="ec2", QuotaCode=_ADDRESSES_CODE)
        except ClientError:
            return self._settings.quota(ADDRESSES)
        return int(quota["Quota"]["Value"])


def _tag(resource: dict[str, Any], key: str) -> str:
    return next((str(tag["Value"]) for tag in resource.get("Tags", []) if tag["Key"] == key), "")


def _id_of(resource: dict[str, Any]) -> str:
    return _tag(resource, "aws:cloudformation:logical-id")
