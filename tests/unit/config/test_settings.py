"""Every rule of an environment's file and of `-c`, with valid and invalid cases."""

from __future__ import annotations

import ipaddress
import shutil
from itertools import combinations

import pytest
import yaml

from config.errors import ConfigError
from config.limits import LOG_RETENTION_DAYS, ROLE_NAME
from config.model import Model
from config.settings import (
    EKS_SERVICE_CIDR,
    KUBECTL_LAYERS,
    Architecture,
    Egress,
    EndpointAccess,
    Platform,
    Settings,
    environments,
    load_settings,
    overrides_from_context,
)
from config.validation import visible_fields
from tests.unit.config.project import ROOT, Project, assert_one_line

FILE = "config/environments/sandbox.yaml"


def change(project: Project, **changes: object) -> None:
    path = project.root / FILE
    data = yaml.safe_load(path.read_text())
    data.update(changes)
    path.write_text(yaml.safe_dump({k: v for k, v in data.items() if v is not ...}))


def fault(project: Project, **overrides: object) -> str:
    with pytest.raises(ConfigError) as caught:
        project.settings(**overrides)
    assert_one_line(str(caught.value))
    return str(caught.value)


WRONG = [
    ("app", "Harbour", "is 'Harbour', which is not valid; write a short lower-case word, e.g. harbour"),
    ("app", "a" * 13, "has 13 characters, more than 12; write a short lower-case word"),
    ("app", "kube-apps", "is kube-apps, which Kubernetes or AWS reserves; choose another word"),
    ("app", "default", "is default, which Kubernetes or AWS reserves; "),
    ("app", "", "is empty; write a short lower-case word"),
    ("account", 123456789012, 'is 123456789012, not text; put it in quotes: "123456789012"'),
    ("account", "12345", "is '12345', which is not valid; write 12 digits in quotes"),
    (
        "permissions_boundary",
        "arn:aws:iam::123456789012:role/x",
        "is 'arn:aws:iam::123456789012:role/x', not a policy; write",
    ),
    (
        "permissions_boundary",
        "a b",
        "is 'a b', not a policy; write its name or its ARN, e.g. developer-boundary or arn:aws:",
    ),
    ("permissions_boundary", "/developer", "is '/developer', not a policy; "),
    ("permissions_boundary", "teams/", "is 'teams/', not a policy; "),
    ("region", "europe", "is 'europe', which is not valid; write a region's code, e.g. eu-central-1"),
    *(
        ("region", region, f"is {region}, of a partition in which services have other names; write a region of the ")
        for region in ("cn-north-1", "us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1", "eusc-de-east-1")
    ),
    (
        "eks_admins",
        ["arn:aws-cn:iam::123456789012:role/admin"],
        "is 'arn:aws-cn:iam::123456789012:role/admin', not an IAM role or user; write an ARN, e.g. arn:aws:iam::",
    ),
    ("allowed_accounts", ["1"], "[0]: is '1', which is not valid; write 12 digits in quotes"),
    ("allowed_accounts", ["123456789012"] * 2, "lists '123456789012' twice; list each once"),
    ("architecture", "x86_64", "is 'x86_64'; write one of amd64, arm64"),
    ("architecture", "arm", "is 'arm'; write arm64 (one of amd64, arm64)"),
    ("platforms", [], "is an empty list; list at least one"),
    ("platforms", ["ecs", "ecs"], "lists 'ecs' twice; list each once"),
    ("platforms", ["k8s"], "[0]: is 'k8s'; write one of ecs, eks"),
    ("platforms", "ecs", "is 'ecs', not a list; write a list, e.g. platforms: [ecs, eks]"),
    ("vpc_cidr", "10.20.0.0/25", "is a /25; write a range between /16 and /24"),
    ("vpc_cidr", "10.0.0.0/8", "is a /8; write a range between /16 and /24"),
    ("vpc_cidr", "8.8.0.0/16", "is 8.8.0.0/16, not a private range; use one inside 10.0.0.0/8"),
    ("vpc_cidr", "172.20.0.0/16", "overlaps 172.20.0.0/16, the range of Kubernetes Services; use another range"),
    ("vpc_cidr", "172.20.8.0/24", "overlaps 172.20.0.0/16, the range of Kubernetes Services; "),
    ("vpc_cidr", "10.20.1.0/16", "is 10.20.1.0/16, an address inside a range; write the range itself: 10.20.0.0/16"),
    ("vpc_cidr", "10.20.0.0", "is '10.20.0.0', not an IPv4 range; write an address and a length"),
    ("vpc_cidr", "300.1.0.0/16", "is '300.1.0.0/16', not an IPv4 range; "),
    ("vpc_cidr", "fd00::/64", "is 'fd00::/64', not an IPv4 range; "),
    ("zones", 1, "is 1; write 2 to 6: load balancers and EKS need at least two zones"),
    ("zones", 7, "is 7; write 2 to 6"),
    ("zones", True, "is true, not a whole number; write a whole number, e.g. zones: 2"),
    ("zones", ["eu-central-1a"], "is 1; write 2 to 6"),
    ("zones", ["eu-central-1a", "eu-central-1a"], "lists a zone twice; list each once"),
    (
        "zones",
        ["eu-central-1a", "eu-west-1a"],
        "names zones of several regions (eu-central-1, eu-west-1); use zones of one region",
    ),
    ("zones", ["a", "b"], "names 'a', which is not an availability zone; write names such as eu-central-1a"),
    ("zones", ["eu-central-1a", "eu-central-1b"], "names zones, but region is not set; write region: eu-central-1"),
    (
        "nat_image",
        "al2023",
        "is 'al2023', which is not valid; write the id of a machine image, e.g. ami-0123456789abcdef0",
    ),
    ("nat_image", "ami-0123456789abcdef0", "is set, but region is not; write region too"),
    ("egress", "tunnel", "is 'tunnel'; write one of nat-per-zone, single-nat, nat-instance, endpoints"),
    ("spot_weight", 101, "is 101, out of range; write a whole number from 0 to 100"),
    ("spot_weight", -1, "is -1, out of range; write a whole number from 0 to 100"),
    ("spot_weight", "50", "is '50', not a whole number; write a whole number, e.g. spot_weight: 100"),
    ("load_balancer_cidrs", [], "is an empty list; list at least one"),
    ("load_balancer_cidrs", ["here"], "[0]: is 'here', not an IPv4 range; write an address and a length"),
    ("load_balancer_cidrs", ["::/0"], "[0]: is '::/0', not an IPv4 range; "),
    (
        "load_balancer_cidrs",
        ["10.0.0.1/8"],
        "[0]: is 10.0.0.1/8, an address inside a range; write the range itself: 10.0.0.0/8",
    ),
    ("quotas", {"listner_rules": 150}, "listner_rules: is not a quota that AWS raises; did you mean listener_rules?"),
    ("quotas", {"listener_rules": 0}, "listener_rules: is 0; write what Service Quotas shows for this account"),
    ("log_retention_days", 8, "is 8, which CloudWatch Logs does not offer; write 7 (one of 1, 3, 5, 7, "),
    ("image_retention_count", 9, "is 9, out of range; write a whole number from 10 to 1000"),
    ("removal", "destroy", "is 'destroy'; write one of disposable, kept"),
    ("references", "strng", "is 'strng'; write strong (one of weak, strong)"),
    ("container_insights", True, "is true; write one of disabled, enabled, enhanced"),
    (
        "customer_managed_key",
        "true",
        "is 'true', not true or false; write true or false, e.g. customer_managed_key: true",
    ),
    ("customer_managed_key", "yes", "is 'yes', not true or false; "),
    ("alarm_email", "ops", "is 'ops', which is not valid; write an e-mail address, e.g. ops@example.com"),
    ("eks_version", "1.30", "is '1.30', for which no kubectl layer is installed; write \"1.36\""),
    (
        "eks_admins",
        ["admin"],
        "[0]: is 'admin', not an IAM role or user; write an ARN, e.g. arn:aws:iam::123456789012:role/admin",
    ),
    (
        "eks_admins",
        ["arn:aws:sts::123456789012:assumed-role/admin/me"],
        "[0]: is a session of a role; write the role itself: arn:aws:iam::<account>:role/<name>",
    ),
    (
        "eks_admins",
        ["arn:aws:iam::123456789012:root"],
        "[0]: is 'arn:aws:iam::123456789012:root', not an IAM role or user; ",
    ),
    ("eks_admins", [f"arn:aws:iam::123456789012:role/r{n}" for n in range(101)], "contains 101; keep 100 or fewer"),
    ("eks_endpoint_access", "public", "is 'public'; write "),
    (
        "eks_endpoint_access",
        "public-and-private",
        "eks_endpoint_cidrs: is empty while eks_endpoint_access is public-and-private; list who may connect",
    ),
    ("eks_endpoint_cidrs", ["8.8.8.0/24"], "means nothing while eks_endpoint_access is private; remove it"),
    ("eks_support", "forever", "is 'forever'; write one of standard, extended"),
    ("eks_endpoint_cidrs", ["0.0.0.0/0"], "[0]: is 0.0.0.0/0, which opens the Kubernetes API to the whole internet; "),
    ("eks_endpoint_cidrs", ["10.0.0.0/8"], "[0]: is 10.0.0.0/8, a private range, which EKS refuses; "),
    (
        "domain",
        {"name": "x.example.com"},
        ".hosted_zone_id: is missing; write it, e.g. hosted_zone_id: Z0123456789ABCDEFGHIJ",
    ),
    ("domain", {"name": "Example", "hosted_zone_id": "Z0123456789"}, ".name: is 'Example', which is not valid; "),
    ("domain", {"name": "x.example.com", "hosted_zone_id": "zone"}, ".hosted_zone_id: is 'zone', which is not valid; "),
    (
        "domain",
        {"name": "x.example.com", "hosted_zone": "Z1"},
        ".hosted_zone: is unknown; did you mean hosted_zone_id?",
    ),
    (
        "domain",
        {"name": f"{'a' * 58}.com", "hosted_zone_id": "Z0123456789"},
        ".name: has 62 characters, more than 60; ",
    ),
    (
        "domain",
        "x.example.com",
        "is 'x.example.com', not a mapping; write a mapping, e.g. domain: {name: harbour.example.com, ",
    ),
    (
        "base_registry",
        "https://registry.example.com",
        "which is not valid; write a registry's host and path, without https://",
    ),
    ("base_registry", "registry.example.com/debian:trixie", "which is not valid; "),
    ("base_registry", "library", "which is not valid; "),
    ("keep_repositories", ["Old"], "[0]: is 'Old', which is not valid; write lower-case letters"),
    ("tags", {"aws:x": "1"}, "begins with aws:, which AWS reserves; choose another key"),
    ("tags", {"a": 1}, '.a: is 1, not text; put it in quotes: "1"'),
    ("tags", {"a" * 129: "1"}, "is not a tag key; use 1 to 128"),
    ("tags", {"a": "x" * 257}, ".a: has the value 'xxx"),
    ("tags", {"Owner": "a", "owner": "b"}, ".owner: differs from another tag only by case, which IAM refuses; "),
    ("tags", {f"t{n}": "x" for n in range(41)}, "contains 41 tags; keep 40 or fewer"),
    ("environment", "sandbox", "comes from the file's name and is not a key; remove this line"),
    ("vpc", "10.0.0.0/16", "is not a setting: each environment has its own VPC; write vpc_cidr: 10.20.0.0/16"),
    ("web_acl_arn", "harbour", "is 'harbour', not a web ACL of WAF; write its ARN, arn:aws:wafv2:eu-central-1:"),
    (
        "web_acl_arn",
        "arn:aws:wafv2:us-east-1:123456789012:global/webacl/a/0a1b2c3d-1111-2222-3333-444455556666",
        "is of scope CLOUDFRONT, which no load balancer takes; write one of scope REGIONAL",
    ),
    ("waf", "x", "is not a setting; write web_acl_arn: ARN"),
    ("boundary", "x", "is not a setting; write permissions_boundary: NAME"),
    ("nat_gateways", 1, "is not a setting; write egress: single-nat, or another value of egress"),
    ("architecture", ..., "is missing; write it, e.g. architecture: arm64"),
]


@pytest.mark.parametrize(("key", "value", "message"), WRONG)
def test_a_wrong_setting_is_one_line_with_file_field_and_remedy(project, key, value, message):
    change(project, **{key: value})
    text = fault(project)
    assert text.startswith(f"{FILE}: ")
    assert message in text
    assert key in text


RIGHT = [
    {"account": "123456789012", "region": "eu-central-1", "allowed_accounts": ["123456789012"]},
    {"region": "us-gov-west-1"},
    {"zones": ["eu-central-1a", "eu-central-1b", "eu-central-1c"], "region": "eu-central-1"},
    {"vpc_cidr": "192.168.0.0/24", "zones": 4},
    {"vpc_cidr": "172.16.0.0/16", "zones": 6},
    *({"egress": e.value} for e in Egress),
    *({"log_retention_days": days} for days in LOG_RETENTION_DAYS),
    {"spot_weight": 0},
    {"spot_weight": 100},
    {"eks_endpoint_access": "private", "eks_endpoint_cidrs": []},
    {"eks_endpoint_access": "public-and-private", "eks_endpoint_cidrs": ["198.51.100.7/32"]},
    {"eks_support": "extended"},
    {"region": "us-gov-west-1"},
    {
        "eks_admins": [
            "arn:aws:iam::123456789012:role/path/admin",
            "arn:aws-us-gov:iam::123456789012:user/me@example.com",
        ]
    },
    {"domain": {"name": "harbour.example.com", "hosted_zone_id": "Z0123456789ABC"}},
    {"base_registry": "localhost:5000"},
    {"base_registry": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/mirror/docker-hub"},
    {"keep_repositories": ["old", "older-one"]},
    {"tags": {"cost-center": "R&D".replace("&", "+"), "Größe": "x", "empty": ""}},
    {"alarm_email": "ops+harbour@example.co.uk"},
    {"alarm_email": None, "domain": None, "account": None},
    {"eks_version": max(KUBECTL_LAYERS)},
]


@pytest.mark.parametrize("changes", RIGHT)
def test_a_valid_setting_is_accepted(project, changes):
    change(project, **changes)
    assert project.settings()


def test_an_account_without_a_region_is_refused(project):
    change(project, account="123456789012")
    assert "region: is missing, but account is set; write both or neither" in fault(project)


def test_an_account_that_is_not_allowed_is_refused(project):
    change(project, account="123456789012", region="eu-central-1", allowed_accounts=["210987654321"])
    assert "allowed_accounts: does not include account 123456789012; add it, or remove the list" in fault(project)


def test_zones_of_another_region_are_refused(project):
    change(project, zones=["eu-central-1a", "eu-central-1b"], region="eu-west-1")
    assert "zones: names zones of eu-central-1, but region is eu-west-1; write region: eu-central-1" in fault(project)


def test_an_image_for_a_nat_instance_that_does_not_exist_is_refused(project):
    change(project, nat_image="ami-0123456789abcdef0", region="eu-west-1", egress="single-nat")
    expected = "nat_image: means nothing while egress is single-nat; remove it, or write egress: nat-instance"
    assert expected in fault(project)


@pytest.mark.parametrize(("cidr", "zones"), [("10.0.0.0/24", 5), ("10.0.0.0/24", 6)])
def test_a_range_whose_subnets_a_load_balancer_cannot_use_is_refused(project, cidr, zones):
    change(project, vpc_cidr=cidr, zones=zones)
    assert f"vpc_cidr: has room for 4 zones, and zones asks for {zones}; use a /23 or larger, or fewer zones" in fault(
        project
    )


def test_names_made_of_the_longest_prefix_and_region_fit_their_limits(project):
    """The publisher's role has the tightest limit: IAM allows 64 characters."""
    name, app = "e" * 16, "a" * 12
    shutil.copy(project.root / FILE, project.root / f"config/environments/{name}.yaml")
    settings = project.settings(name, app=app, region="ap-southeast-northwest-centr"[:22] + "-1")
    assert len(f"cdk-{settings.prefix}-push-{settings.region}") <= ROLE_NAME


def test_an_environment_name_that_no_resource_could_have_is_refused(project):
    (project.root / "config/environments/My_Env.yaml").write_text((project.root / FILE).read_text())
    with pytest.raises(
        ConfigError, match="environment: is 'My_Env', which is not valid; write a word of lower-case letters"
    ):
        project.settings("My_Env")


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("sandbx", "did you mean sandbox?"),
        ("prod", "did you mean production?"),
        ("x", "write one of production, sandbox"),
        ("", "write one of production, sandbox"),
        ("../environments/sandbox", "write one of production, sandbox"),
    ],
)
def test_an_unknown_environment_is_refused_with_the_nearest(project, name, remedy):
    with pytest.raises(ConfigError) as caught:
        project.settings(name)
    assert str(caught.value) == f"config/environments: env: {name!r} has no file here; {remedy}"


def test_a_project_without_environments_is_refused(tmp_path):
    with pytest.raises(
        ConfigError, match=r"^config/environments: folder: contains no environment; write sandbox\.yaml there$"
    ):
        load_settings(tmp_path, "sandbox", {})


# --- the command line ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("zones", "3", 3),
        ("app", "port", "port"),
        ("architecture", "arm64", Architecture.ARM64),
        ("platforms", "ecs", (Platform.ECS,)),
        ("platforms", "ecs, eks", (Platform.ECS, Platform.EKS)),
        ("load_balancer_cidrs", "198.51.100.0/24,203.0.113.0/24", ("198.51.100.0/24", "203.0.113.0/24")),
        ("allowed_accounts", "012345678901", ("012345678901",)),
        ("eks_version", "1.36", "1.36"),
        ("customer_managed_key", "true", True),
        ("alarm_email", "null", None),
        ("keep_repositories", "", ()),
        ("zones", 3, 3),
        ("customer_managed_key", True, True),
    ],
)
def test_a_setting_on_the_command_line_overrides_the_file(project, key, text, value):
    assert getattr(project.settings(**{key: text}), key) == value


def test_numbers_that_are_text_need_no_quotes_on_the_command_line(project):
    settings = project.settings(account="012345678901", region="eu-central-1")
    assert settings.account == "012345678901"


def test_dotted_keys_reach_into_domain_and_tags(project):
    settings = project.settings(
        **{
            "domain.name": "x.example.com",
            "domain.hosted_zone_id": "Z0123456789",
            "tags.owner": "5",
            "tags.project": "sea",
        }
    )
    assert settings.domain is not None
    assert settings.domain.name == "x.example.com"
    assert settings.tags == {"project": "sea", "environment": "sandbox", "owner": "5"}


def test_zones_by_name_on_the_command_line(project):
    settings = project.settings(zones="eu-west-1a,eu-west-1b", region="eu-west-1")
    assert settings.zones == ("eu-west-1a", "eu-west-1b")
    assert settings.zone_count == 2


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("zones", "9", "cdk -c: zones: is 9; write 2 to 6"),
        ("zones", "two", "cdk -c: zones: is 'two', not a whole number; "),
        ("spot_weight", "1.5", "cdk -c: spot_weight: is '1.5', not a whole number; "),
        ("customer_managed_key", "yes", "cdk -c: customer_managed_key: is 'yes', not true or false; "),
        ("platforms", "ecs,esk", "cdk -c: platforms[1]: is 'esk'; write eks (one of ecs, eks)"),
        ("egres", "x", "cdk -c: egres: is not a setting; did you mean egress?"),
        ("vpc_id", "vpc-1", "cdk -c: vpc_id: is not a setting: each environment has its own VPC; write vpc_cidr: "),
        ("stage", "prod", "cdk -c: stage: is not a setting; pick the environment with -c env=NAME"),
        ("colour", "x", "cdk -c: colour: is not a setting; see docs/settings.md for their names"),
        ("region", "", "cdk -c: region: has no value; write -c region=VALUE, or -c region=null to unset it"),
        ("domain.nam", "x", "cdk -c: domain.nam: is not a setting; did you mean domain.name?"),
        ("domain", "x.example.com", "cdk -c: domain: is 'x.example.com', not a mapping; "),
        ("app.name", "x", "cdk -c: app.name: is not a setting; "),
        ("tags.aws:owner", "x", "begins with aws:, which AWS reserves; "),
        ("app", "null", "cdk -c: app: is missing; write it, e.g. app: harbour"),
    ],
)
def test_a_wrong_setting_on_the_command_line_names_the_command_line(project, key, text, message):
    assert message in fault(project, **{key: text})


def test_the_environments_name_cannot_be_overridden():
    with pytest.raises(ConfigError, match="cdk -c: environment: is not a setting; "):
        overrides_from_context({"environment": "x"})


def test_the_settings_in_the_context_are_its_bare_keys():
    context = {
        "zones": "3",
        "domain.name": "x.example.com",
        "env": "sandbox",
        "acknowledged-issue-numbers": [1],
        "cli-telemetry": False,
        "@aws-cdk/core:checkSecretUsage": True,
        "aws:cdk:enable-path-metadata": True,
        "availability-zones:account=1:region=x": [],
        "a/b": 1,
    }
    assert overrides_from_context(context) == {"zones": "3", "domain.name": "x.example.com"}


def test_an_unknown_bare_key_of_the_context_is_refused():
    with pytest.raises(ConfigError) as caught:
        overrides_from_context({"achitecture": "arm64"})
    assert str(caught.value) == "cdk -c: achitecture: is not a setting; did you mean architecture?"


# --- the project's own environments ----------------------------------------------------------------------------------


def given_environments() -> dict[str, Settings]:
    return {name: load_settings(ROOT, name, {}) for name in environments(ROOT)}


def test_sandbox_and_production_exist_and_are_valid():
    assert set(given_environments()) == {"sandbox", "production"}


def test_the_environments_networks_do_not_overlap():
    networks = [ipaddress.IPv4Network(s.vpc_cidr) for s in given_environments().values()]
    assert not any(one.overlaps(other) for one, other in combinations(networks, 2))
    assert not any(n.overlaps(ipaddress.IPv4Network(EKS_SERVICE_CIDR)) for n in networks)


def test_no_environment_opens_the_kubernetes_api():
    for settings in given_environments().values():
        assert settings.eks_endpoint_access is EndpointAccess.PRIVATE
        assert settings.eks_endpoint_cidrs == ()


@pytest.mark.parametrize("name", ["sandbox", "production"])
def test_every_setting_is_in_the_file_with_a_comment(name):
    lines = (ROOT / "config/environments" / f"{name}.yaml").read_text().splitlines()
    for field, info in visible_fields(Settings).items():
        at = next((i for i, line in enumerate(lines) if line.lstrip("# ").startswith(f"{field}:")), None)
        if at is None:
            assert not info.is_required(), field
            # These have no meaning with a private endpoint and with NAT gateways.
            assert field in {"eks_endpoint_cidrs", "nat_image"}, field
            continue
        assert any(line.startswith("#") for line in lines[max(0, at - 2) : at + 1]), field


def test_every_kubectl_layer_of_the_table_is_locked():
    locked = (ROOT / "requirements.txt").read_text().replace("-", ".")
    for package in KUBECTL_LAYERS.values():
        assert package.replace("-", ".") in locked


def test_settings_cannot_be_changed_once_loaded(project):
    settings = project.settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.app = "other"  # type: ignore[misc]


def test_every_setting_has_a_description_and_an_example():
    for field, info in visible_fields(Settings).items():
        assert info.description, field
        assert info.examples, field


def test_every_model_refuses_unknown_keys():
    for model in Model.__subclasses__():
        assert model.model_config["extra"] == "forbid"
        assert model.model_config["strict"]
        assert model.model_config["frozen"]


# --- exec -------------------------------------------------------------------------------------------------------------


def test_exec_for_one_run_is_refused_where_data_is_kept(project):
    expected = (
        "cdk -c: exec: opens shells in an environment whose data is kept, and no file says so; write exec: true in "
        "config/environments/production.yaml"
    )
    for more in ({}, {"removal": "disposable"}):
        with pytest.raises(ConfigError) as caught:
            load_settings(project.root, "production", {"exec": "true", **more})
        assert str(caught.value) == expected
    assert load_settings(project.root, "sandbox", {"exec": "true"}).exec


def test_exec_in_the_file_of_an_environment_that_keeps_data_is_accepted(project):
    path = project.root / "config/environments/production.yaml"
    path.write_text(path.read_text().replace("exec: false", "exec: true"))
    assert load_settings(project.root, "production", {}).exec
    assert not load_settings(project.root, "production", {"exec": "false"}).exec


def test_a_web_acl_of_another_region_is_refused(project):
    acl = "arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/a/0a1b2c3d-1111-2222-3333-444455556666"
    change(project, web_acl_arn=acl)
    assert project.settings().web_acl_arn == acl
    change(project, web_acl_arn=acl, region="eu-central-1")
    assert "web_acl_arn: is in eu-west-1, and region is eu-central-1; write one of eu-central-1" in fault(project)
