"""One environment: the typed form of config/environments/<env>.yaml."""

# Over 300 lines: every key of one file with its rule, its description and an example, looked up in one place.
from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Self, get_args, get_origin

from pydantic import Field, model_validator

from config import limits
from config import settings_rules as rules
from config.command_line import COMMAND_LINE
from config.errors import ConfigError, did_you_mean, shown
from config.existing_vpc import ExistingVpc
from config.model import NOT_EMPTY, UNIQUE, Model, Pattern, Rule, fault
from config.quotas import ADDRESSES, ADJUSTABLE, CERTIFICATES, ENDPOINT_CIDRS, GROUP_RULES, Quota
from config.strict_yaml import read_mapping, scalar, without_nulls
from config.validation import Location, Where, dotted, strip, validate, visible_fields

ENVIRONMENTS: Final = "config/environments"

EKS_SERVICE_CIDR: Final = limits.EKS_SERVICE_CIDR
KUBECTL_LAYERS: Final = limits.KUBECTL_LAYERS

_ENVIRONMENT_NAME = Pattern(
    r"[a-z](-?[a-z0-9])*", "a word of lower-case letters, digits and single hyphens", "sandbox", 16
)


class Architecture(StrEnum):
    AMD64 = "amd64"
    ARM64 = "arm64"


class Platform(StrEnum):
    ECS = "ecs"
    EKS = "eks"


class Egress(StrEnum):
    NAT_PER_ZONE = "nat-per-zone"
    SINGLE_NAT = "single-nat"
    NAT_INSTANCE = "nat-instance"
    ENDPOINTS = "endpoints"


class Removal(StrEnum):
    DISPOSABLE = "disposable"
    KEPT = "kept"


class References(StrEnum):
    WEAK = "weak"
    STRONG = "strong"


class Insights(StrEnum):
    """ECS Container Insights levels, https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cloudwatch-container-insights.html"""

    DISABLED = "disabled"
    ENABLED = "enabled"
    ENHANCED = "enhanced"


class Support(StrEnum):
    """Upgrade policies of a cluster, https://docs.aws.amazon.com/eks/latest/userguide/view-upgrade-policy.html"""

    STANDARD = "standard"
    EXTENDED = "extended"


class EndpointAccess(StrEnum):
    PRIVATE = "private"
    PUBLIC_AND_PRIVATE = "public-and-private"


Account = Annotated[str, Pattern(r"[0-9]{12}", "12 digits in quotes", '"123456789012"')]
Cidr = Annotated[str, Rule(rules.check_range)]
SERVICE_NAME: Final = Pattern(r"[a-z](-?[a-z0-9])*", "lower-case letters, digits and single hyphens", "tracking", 63)
ServiceName = Annotated[str, SERVICE_NAME]
CERTIFICATE: Final = Pattern(
    r"arn:aws(-us-gov)?:acm:[a-z0-9-]+:[0-9]{12}:certificate/[0-9a-f-]{36}",
    "the ARN of an ACM certificate",
    "arn:aws:acm:eu-central-1:123456789012:certificate/12345678-1234-1234-1234-123456789012",
)
_DOMAIN: Final = r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}"


class Domain(Model):
    """A domain brings a certificate, HTTPS, a redirect from HTTP and alias records; without one, plain HTTP."""

    name: Annotated[str, Pattern(_DOMAIN, "a lower-case domain name", "harbour.example.com", 60)] = Field(
        description="Domain of the environment: ECS answers at ecs.<name>, EKS at eks.<name>. At most 60 characters, since a "
        "certificate's name has at most 64.",
        examples=["harbour.example.com"],
    )
    hosted_zone_id: Annotated[
        str, Pattern(r"Z[A-Z0-9]{5,31}", "the id of a Route 53 zone", "Z0123456789ABCDEFGHIJ")
    ] = Field(
        description="Id of the Route 53 public hosted zone that contains the domain.",
        examples=["Z0123456789ABCDEFGHIJ"],
    )


class Settings(Model):
    """One environment. Rules across fields are at the end."""

    given_by_loader: ClassVar[frozenset[str]] = frozenset({"environment"})

    @classmethod
    def words_for_unknown(cls, key: str) -> tuple[str, str] | None:
        return rules.ELSEWHERE.get(key)

    environment: Annotated[str, _ENVIRONMENT_NAME]  # the name of the YAML file, never a key in it
    app: Annotated[
        str, Pattern(r"[a-z](-?[a-z0-9])*", "a short lower-case word", "harbour", 12), Rule(rules.check_app)
    ] = Field(description="Prefix of stack names, repositories and all other physical names.", examples=["harbour"])
    account: Account | None = Field(
        None, description="AWS account; by default that of the caller's credentials.", examples=["123456789012"]
    )
    region: (
        Annotated[
            str,
            Rule(rules.check_region),
            Pattern(r"[a-z]{2}(-[a-z]+)+-[0-9]", "a region's code", "eu-central-1", 24),
        ]
        | None
    ) = Field(
        None,
        description="AWS region, of the partitions aws or aws-us-gov; by default that of the caller's credentials.",
        examples=["eu-central-1"],
    )
    allowed_accounts: Annotated[tuple[Account, ...], UNIQUE] = Field(
        (), description="Accounts that commands may touch; empty means any.", examples=[["123456789012"]]
    )
    trusted_accounts: Annotated[tuple[Account, ...], UNIQUE] = Field(
        (),
        description="Other accounts whose roles may push images, such as the one that CI runs in; bootstrap with --trust for the "
        "same accounts.",
        examples=[["210987654321"]],
        max_length=20,  # a trust policy has 2,048 characters
    )
    deploy_roles: Annotated[
        tuple[Annotated[str, Rule(rules.check_role)], ...], UNIQUE, Rule(rules.check_deploy_roles)
    ] = Field(
        (),
        description="The only roles that may push images, of this account or another, instead of every role of this account "
        "and of trusted_accounts. They must exist.",
        examples=[["arn:aws:iam::210987654321:role/ci"]],
    )
    permissions_boundary: Annotated[str, Rule(rules.check_boundary)] | None = Field(
        None,
        description="Policy that bounds every role of every stack: its name, or its ARN. It has to allow what the roles do "
        "(docs/rights.md).",
        examples=["developer-boundary"],
    )
    architecture: Architecture = Field(
        description="Architecture of images, Fargate tasks and Kubernetes nodes.", examples=["arm64"]
    )
    platforms: Annotated[tuple[Platform, ...], NOT_EMPTY, UNIQUE] = Field(
        description="Platforms that this environment has.", examples=[["ecs", "eks"]]
    )
    vpc: ExistingVpc | None = Field(
        None,
        description="A VPC that exists, by its ids, instead of one of the environment's own. vpc_cidr, zones and egress are then "
        "its owner's, and not written here.",
        examples=[
            {
                "id": "vpc-0123456789abcdef0",
                "cidr": "10.50.0.0/16",
                "zones": ["eu-central-1a", "eu-central-1b"],
                "public_subnets": ["subnet-0aaaaaaaaaaaaaaa1", "subnet-0aaaaaaaaaaaaaaa2"],
                "public_cidrs": ["10.50.0.0/24", "10.50.1.0/24"],
                "private_subnets": ["subnet-0bbbbbbbbbbbbbbb1", "subnet-0bbbbbbbbbbbbbbb2"],
            }
        ],
    )
    vpc_cidr: Annotated[str, Rule(rules.check_vpc)] = Field(
        description=f"Private range of the VPC, /16 to /24, not overlapping {EKS_SERVICE_CIDR}.",
        examples=["10.20.0.0/16"],
    )
    zones: Annotated[int | tuple[str, ...], Rule(rules.check_zones)] = Field(
        description="Number of availability zones (2 to 6), or their names; a number means the region's first ones. More can be "
        "added at the end, and move no subnet; none can be removed while tasks or nodes run there. Name them in a region "
        "that has a zone without Fargate or EKS: `python -m ops preflight` says which.",
        examples=[2],
    )
    egress: Egress | None = Field(
        None,
        description="Needed without vpc. Route from private subnets to the internet: a NAT gateway per zone, one for all, a NAT "
        "instance, or none, with interface endpoints to AWS instead. Endpoints are the most expensive: about 248 USD a month "
        "for two zones and both platforms (docs/costs.md). Another value moves the routes before the old way is deleted.",
        examples=["nat-instance"],
    )
    nat_image: (
        Annotated[str, Pattern(r"ami-([0-9a-f]{8}|[0-9a-f]{17})", "the id of a machine image", "ami-0123456789abcdef0")]
        | None
    ) = Field(
        None,
        description="Machine image of the NAT instance: Amazon Linux 2023 for arm64, in the environment's region. "
        "`python -m ops nat-image` writes the newest. By default the newest whenever the stack Network changes.",
        examples=["ami-0123456789abcdef0"],
    )
    spot_weight: int = Field(ge=0, le=100, description="Share of Fargate tasks on Spot, in percent.", examples=[100])
    load_balancer_cidrs: Annotated[tuple[Cidr, ...], NOT_EMPTY, UNIQUE] = Field(
        description="IPv4 ranges that may reach the load balancers.", examples=[["0.0.0.0/0"]]
    )
    certificates: Annotated[tuple[Annotated[str, CERTIFICATE], ...], UNIQUE] = Field(
        (),
        max_length=CERTIFICATES.value - 1,
        description="ARNs of ACM certificates, in the environment's region, for the hosts of services; needs domain.",
        examples=[["arn:aws:acm:eu-central-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"]],
    )
    internal_load_balancer: bool = Field(
        False,
        description="Whether each platform also has a load balancer that only the VPC and networks connected to it reach, for "
        "services with internal: true; it costs what the public one does, without its addresses.",
        examples=[True],
    )
    internal_cidrs: Annotated[tuple[Cidr, ...], UNIQUE] = Field(
        (),
        description="IPv4 ranges that may reach the internal load balancers; by default the VPC's.",
        examples=[["10.0.0.0/8"]],
    )
    web_acl_arn: Annotated[str, Rule(rules.check_web_acl)] | None = Field(
        None,
        description="Web ACL of AWS WAF, of scope REGIONAL and in the environment's region, in front of every load balancer. "
        "On EKS a load balancer keeps it when the setting is removed (docs/settings.md).",
        examples=[
            "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/harbour/0a1b2c3d-1111-2222-3333-444455556666"
        ],
    )
    log_retention_days: Annotated[int, Rule(rules.check_retention, (("enum", list(limits.LOG_RETENTION_DAYS)),))] = (
        Field(
            description="Days that log groups keep events; one of the values that CloudWatch Logs offers.",
            examples=[7],
        )
    )
    image_retention_count: int = Field(
        ge=10,
        le=1000,
        description="Images kept per repository. One that still runs is dropped after as many newer ones were pushed, whether or "
        "not their deployment succeeded.",
        examples=[50],
    )
    removal: Removal = Field(
        description="What happens to data when a stack is destroyed: disposable deletes it, kept leaves tables, buckets, "
        "queues, images and logs.",
        examples=["kept"],
    )
    references: References = Field(
        description="References across stacks: weak ones let stacks be removed in any order, strong ones make CloudFormation "
        "refuse to delete what another stack uses.",
        examples=["weak"],
    )
    container_insights: Insights = Field(description="Level of ECS Container Insights.", examples=["enhanced"])
    exec: bool = Field(
        False,
        description="Whether ECS Exec opens a shell in running tasks, as root, for whoever may call ecs:ExecuteCommand; what is "
        "typed goes to the service's log. Where removal is kept, only this file can switch it on, not -c.",
        examples=[True],
    )
    customer_managed_key: bool = Field(
        description="The environment's own KMS key for logs, topics, queues, tables and images; otherwise AWS's keys. Decide "
        "before the first deployment: the key of a repository cannot be changed, and CloudFormation refuses to.",
        examples=[True],
    )
    alarm_email: (
        Annotated[str, Pattern(r"[\w.+%-]+@([\w-]+\.)+[A-Za-z]{2,63}", "an e-mail address", "ops@example.com", 254)]
        | None
    ) = Field(
        None,
        description="Address for alarms; by default the topic has no subscriber.",
        examples=["ops@example.com"],
    )
    eks_version: Annotated[str, Rule(rules.check_version, (("enum", sorted(KUBECTL_LAYERS)),))] = Field(
        description="Kubernetes version; one with an installed kubectl layer.", examples=["1.36"]
    )
    eks_support: Support = Field(
        Support.STANDARD,
        description="What happens when the standard support of the cluster's version ends: standard upgrades the control "
        "plane, extended keeps the version for 0.60 USD an hour instead of 0.10.",
        examples=["standard"],
    )
    eks_admins: Annotated[tuple[Annotated[str, Rule(rules.check_admin)], ...], UNIQUE] = Field(
        description="IAM roles or users that get AmazonEKSClusterAdminPolicy; without one, nobody can use kubectl.",
        examples=[["arn:aws:iam::123456789012:role/admin"]],
        max_length=100,  # each is a resource of the stack Eks, which has 500
    )
    eks_endpoint_access: EndpointAccess = Field(
        description="Who may reach the Kubernetes API: only the VPC, or also the ranges in eks_endpoint_cidrs.",
        examples=["private"],
    )
    eks_endpoint_cidrs: Annotated[tuple[Annotated[str, Rule(rules.check_eks_endpoint_range)], ...], UNIQUE] = Field(
        (),
        description="Public IPv4 ranges that may reach the Kubernetes API.",
        examples=[["203.0.113.0/24"]],
        max_length=ENDPOINT_CIDRS.value,
    )
    domain: Domain | None = Field(
        None,
        description="Domain name and hosted zone; plain HTTP by default. To drop it with strong references, first run "
        "cdk deploy --exclusively 'Ecs-*', so that services answer HTTP again before the HTTPS listener goes; with weak ones, "
        "each is away until it is deployed.",
        examples=[{"name": "harbour.example.com", "hosted_zone_id": "Z0123456789ABCDEFGHIJ"}],
    )
    base_registry: Annotated[
        str,
        Pattern(
            r"(localhost|[a-z0-9-]+(\.[a-z0-9-]+)+)(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*",
            "a registry's host and path, without https:// and without a tag",
            "public.ecr.aws/docker/library",
            255,
        ),
    ] = Field(
        "public.ecr.aws/docker/library",
        description="Registry of the base images, passed to every Dockerfile as build argument BASE_REGISTRY.",
        examples=["public.ecr.aws/docker/library"],
    )
    keep_repositories: Annotated[tuple[ServiceName, ...], UNIQUE] = Field(
        (),
        description="Removed services whose stacks still exist: their repositories are kept.",
        examples=[["oldname"]],
    )
    quotas: Annotated[dict[str, int], Rule(rules.check_quotas)] = Field(
        {},
        description="AWS quotas for which this account has another value than the default: "
        f"{', '.join(sorted(ADJUSTABLE))}; docs/limits.md explains them.",
        examples=[{"listener_rules": 150}],
    )
    tags: Annotated[dict[str, str], Rule(rules.check_tags)] = Field(
        {},
        description="Tags on every resource, except what EKS creates itself: nodes and their load balancer.",
        examples=[{"project": "harbour"}],
    )

    @property
    def prefix(self) -> str:
        """<app>-<environment>: the prefix of every physical name, so two environments fit into one account."""
        return f"{self.app}-{self.environment}"

    @property
    def internal_ranges(self) -> tuple[str, ...]:
        """The ranges that may reach the internal load balancers."""
        return self.internal_cidrs or (self.vpc_cidr,)

    @property
    def zone_count(self) -> int:
        """Number of availability zones."""
        return self.zones if isinstance(self.zones, int) else len(self.zones)

    @property
    def zones_with_room(self) -> int:
        """Number of zones that the VPC's range is divided for, whether they are used or not."""
        return rules.zones_with_room(self.vpc_cidr)

    @property
    def subnet_length(self) -> int:
        """The prefix length of every subnet."""
        slots = 2 * self.zones_with_room
        return int(self.vpc_cidr.rpartition("/")[2]) + (slots - 1).bit_length()

    def quota(self, quota: Quota) -> int:
        """The value of a quota in this account."""
        return self.quotas.get(quota.name, quota.value)

    @model_validator(mode="after")
    def _check_way_out(self) -> Self:
        if not self.vpc and not self.egress:
            raise fault("is missing", "write it, e.g. egress: nat-instance", field="egress")
        return self

    @model_validator(mode="after")
    def _check_place(self) -> Self:
        if self.account and not self.region:
            raise fault(
                "is missing, but account is set", "write both or neither, e.g. region: eu-central-1", field="region"
            )
        if self.account and self.allowed_accounts and self.account not in self.allowed_accounts:
            raise fault(
                f"does not include account {self.account}", "add it, or remove the list", field="allowed_accounts"
            )
        if isinstance(self.zones, tuple):
            region = self.zones[0][:-1]
            if region != self.region:
                problem = (
                    f"names zones of {region}, but region is {self.region}"
                    if self.region
                    else "names zones, but region is not set"
                )
                if self.vpc:
                    raise fault(problem, f"write region: {region}", field="vpc.zones")
                raise fault(problem, f"write region: {region}, or a number of zones", field="zones")
        return self

    @model_validator(mode="after")
    def _check_who_deploys(self) -> Self:
        if self.deploy_roles and self.trusted_accounts:
            raise fault(
                "means nothing while deploy_roles names the roles",
                "remove it, or deploy_roles",
                field="trusted_accounts",
            )
        return self

    @model_validator(mode="after")
    def _check_nat_image(self) -> Self:
        if self.nat_image and not self.region:
            raise fault(
                "is set, but region is not", "write region too: an image belongs to one region", field="nat_image"
            )
        if self.nat_image and self.egress is not Egress.NAT_INSTANCE:
            raise fault(
                f"means nothing while egress is {self.egress.value if self.egress else 'not set'}",
                "remove it, or write egress: nat-instance",
                field="nat_image",
            )
        return self

    @model_validator(mode="after")
    def _check_internal_entrance(self) -> Self:
        if self.internal_cidrs and not self.internal_load_balancer:
            remedy = "remove it, or write internal_load_balancer: true"
            raise fault("means nothing while internal_load_balancer is false", remedy, field="internal_cidrs")
        longest = limits.COMMON_NAME - len("internal-ecs.")
        if self.internal_load_balancer and self.domain and len(self.domain.name) > longest:
            problem = f"has {len(self.domain.name)} characters; with internal- before it, a certificate's name allows {longest}"
            raise fault(problem, "use a shorter domain, or no internal_load_balancer", field="domain.name")
        return self

    @model_validator(mode="after")
    def _check_web_acl(self) -> Self:
        region = self.web_acl_arn.split(":")[3] if self.web_acl_arn else self.region
        if self.region and region != self.region:
            raise fault(
                f"is in {region}, and region is {self.region}", f"write one of {self.region}", field="web_acl_arn"
            )
        return self

    @model_validator(mode="after")
    def _check_room(self) -> Self:
        if not self.vpc and self.zone_count > self.zones_with_room:
            raise fault(
                f"has room for {self.zones_with_room} zones, and zones asks for {self.zone_count}",
                "use a /23 or larger, or fewer zones",
                field="vpc_cidr",
            )
        return self

    @model_validator(mode="after")
    def _check_addresses(self) -> Self:
        limit = self.quota(ADDRESSES)
        if self.egress is Egress.NAT_PER_ZONE and self.zone_count > limit:
            raise fault(
                f"takes an Elastic IP address in each of {self.zone_count} zones, and an account has {limit} in a region",
                f"use {limit} zones or fewer or single-nat, or ask AWS to raise it and set quotas.{ADDRESSES.name}",
                field="egress",
            )
        return self

    @model_validator(mode="after")
    def _check_entrance(self) -> Self:
        ports = 2 if self.domain else 1
        limit = self.quota(GROUP_RULES)
        for field, ranges in (
            ("load_balancer_cidrs", self.load_balancer_cidrs),
            ("internal_cidrs", self.internal_cidrs),
        ):
            rules_needed = ports * len(ranges)
            if rules_needed > limit:
                on = "ports 80 and 443" if self.domain else "port 80"
                raise fault(
                    f"makes {rules_needed} inbound rules for {on}, and a security group has {limit}",
                    f"name {limit // ports} ranges or fewer, or ask AWS to raise it and set quotas.{GROUP_RULES.name}",
                    field=field,
                )
        return self

    @model_validator(mode="after")
    def _check_certificates(self) -> Self:
        if self.certificates and not self.domain:
            raise fault("needs domain: without one there is no HTTPS", "remove it, or set domain", field="certificates")
        for index, arn in enumerate(self.certificates):
            if (region := arn.split(":")[3]) != self.region:
                problem = f"is of {region}, and a load balancer takes certificates of its own region, {self.region}"
                raise fault(problem, "request one there", field=f"certificates[{index}]")
        return self

    @model_validator(mode="after")
    def _check_endpoint(self) -> Self:
        public = self.eks_endpoint_access is EndpointAccess.PUBLIC_AND_PRIVATE
        if public and not self.eks_endpoint_cidrs:
            raise fault(
                "is empty while eks_endpoint_access is public-and-private",
                "list who may connect, e.g. [203.0.113.7/32]",
                field="eks_endpoint_cidrs",
            )
        if not public and self.eks_endpoint_cidrs:
            raise fault(
                "means nothing while eks_endpoint_access is private",
                "remove it, or write eks_endpoint_access: public-and-private",
                field="eks_endpoint_cidrs",
            )
        return self


_NOT_SETTINGS = frozenset(
    {"env", "acknowledged-issue-numbers", "cli-telemetry"}
)  # bare keys of the CLI, and our own `env`


def environments(root: Path) -> tuple[str, ...]:
    """Names of all environments. Raises ConfigError if there are none."""
    names = tuple(sorted(path.stem for path in (root / ENVIRONMENTS).glob("*.yaml") if path.is_file()))
    if not names:
        raise ConfigError(ENVIRONMENTS, "folder", "contains no environment", "write sandbox.yaml there")
    return names


def settings_file(environment: str) -> str:
    """The environment's file, relative to the root."""
    return f"{ENVIRONMENTS}/{environment}.yaml"


def load_settings(root: Path, environment: str, overrides: Mapping[str, object]) -> Settings:
    """The settings of one environment: its file, overridden by the command line.

    `overrides` maps dotted keys to values as `cdk -c key=value` gives them. Raises ConfigError.
    """
    known = environments(root)
    if environment not in known:
        remedy = did_you_mean(environment, known, else_say=f"write one of {', '.join(known)}")
        raise ConfigError(ENVIRONMENTS, "env", f"{shown(environment)} has no file here", remedy)
    file = settings_file(environment)
    data = without_nulls(read_mapping(root / file, file))
    if "environment" in data:
        raise ConfigError(file, "environment", "comes from the file's name and is not a key", "remove this line")
    must_be_written = data.get("removal") == Removal.KEPT and data.get("exec") is not True
    for key, value in overrides.items():
        _apply(data, key, value)

    def where(location: Location) -> tuple[str, str]:
        field = dotted(location)
        from_command_line = any(_covers(key, field) for key in overrides)
        return (COMMAND_LINE if from_command_line else file), field

    given = _with_vpc(without_nulls(data), where)
    settings = validate(Settings, {**given, "environment": environment}, where)
    if must_be_written and settings.exec:
        problem = "opens shells in an environment whose data is kept, and no file says so"
        raise ConfigError(COMMAND_LINE, "exec", problem, f"write exec: true in {file}")
    return settings


def _with_vpc(data: dict[str, Any], where: Where) -> dict[str, Any]:
    """With the range and the zones of a VPC that exists, which are the environment's then."""
    vpc = data.get("vpc")
    if not isinstance(vpc, dict):
        return data
    for key in ("vpc_cidr", "zones", "egress", "nat_image"):
        if key in data:
            raise ConfigError(*where((key,)), "is decided by the owner of the VPC that vpc names", "remove it, or vpc")
    return {**data, **{key: vpc[name] for key, name in (("vpc_cidr", "cidr"), ("zones", "zones")) if name in vpc}}


def overrides_from_context(context: Mapping[str, object]) -> dict[str, object]:
    """The settings in the CDK context: its bare keys. Keys with ':' or '/' are feature flags and lookups.

    Raises ConfigError for a bare key that is not a setting, and suggests the nearest one.
    """
    overrides = {k: v for k, v in context.items() if k not in _NOT_SETTINGS and not set(k) & {":", "/"}}
    for key in overrides:
        _annotation_of(key)
    return overrides


def _covers(key: str, field: str) -> bool:
    return field == key or field.startswith((f"{key}.", f"{key}[")) or key.startswith(f"{field}.")


def _annotation_of(key: str) -> Any:
    """The type of the setting with this dotted key."""
    first, _, rest = key.partition(".")
    fields = visible_fields(Settings)
    if first in fields:
        annotation = strip(fields[first].annotation)
        if not rest:
            return annotation
        if get_origin(annotation) is dict:
            return get_args(annotation)[1]
        model = mappings().get(first)
        if model and rest in model.model_fields:
            return strip(model.model_fields[rest].annotation)
    if key in rules.ELSEWHERE:
        raise ConfigError(COMMAND_LINE, key, *rules.ELSEWHERE[key])
    raise ConfigError(
        COMMAND_LINE,
        key,
        "is not a setting",
        did_you_mean(key, _setting_names(), else_say="see docs/settings.md for their names"),
    )


def mappings() -> dict[str, type[Model]]:
    """The settings that are mappings with keys of their own, and their models."""
    annotations = {name: strip(info.annotation) for name, info in visible_fields(Settings).items()}
    return {name: found for name, found in annotations.items() if isinstance(found, type) and issubclass(found, Model)}


def _setting_names() -> list[str]:
    inner = [f"{field}.{name}" for field, model in mappings().items() for name in model.model_fields]
    return [*visible_fields(Settings), *inner]


def _apply(data: dict[str, Any], key: str, value: object) -> None:
    annotation = _annotation_of(key)
    parsed = _from_command_line(key, annotation, value) if isinstance(value, str) else value
    first, _, rest = key.partition(".")
    if not rest:
        data[first] = parsed
        return
    inner = data.get(first)
    data[first] = {**(inner if isinstance(inner, dict) else {}), rest: parsed}


def _from_command_line(key: str, annotation: Any, text: str) -> object:
    """Text typed by its field, since a shell has no quotes to tell "012345678901" from a number."""
    if text == "null":
        return None
    if not text.strip() and get_origin(annotation) is not tuple:
        raise ConfigError(COMMAND_LINE, key, "has no value", f"write -c {key}=VALUE, or -c {key}=null to unset it")
    if isinstance(annotation, type) and issubclass(annotation, str):
        return text
    if get_origin(annotation) is tuple:
        return [item.strip() for item in text.split(",")] if text.strip() else []
    value = scalar(text)
    if isinstance(value, str) and annotation is not bool and annotation is not int and "," in text:
        return [item.strip() for item in text.split(",")]
    return value
