"""Keys, partitions and tables: what other accounts and later changes ask of the templates."""

from __future__ import annotations

import json
import re

import pytest

from config.settings import Platform, Removal
from ops.changes.schemas import schema_of
from tests.stacks.templates import KUBERNETES, intrinsics

# --- partitions ---


def test_no_arn_names_a_partition_unless_the_account_is_pinned(assembly):
    """aws-us-gov has ARNs of its own; policies that AWS manages have the account `aws`, in every partition."""
    if assembly.settings.region:
        return  # its partition is known, and CDK writes it out
    for stack in assembly.templates:
        assert re.findall(r"arn:aws[a-z-]*:", assembly.text(stack)) == [], stack


def test_endpoints_of_one_partition_are_only_where_both_supported_ones_have_them(assembly):
    """Service principals and kms:ViaService end in amazonaws.com in aws and aws-us-gov; other partitions are refused."""
    for stack, template in assembly.templates.items():
        # Kubernetes objects have API groups that look like endpoints.
        resources = [resource for resource in template["Resources"].values() if resource["Type"] != KUBERNETES]
        text = json.dumps([resource.get("Properties") for resource in resources])
        for found in re.findall(r"[^\"\s]*amazonaws\.com[^\"\s]*", text):
            assert re.fullmatch(r"[a-z0-9.-]*\.amazonaws\.com", found), (stack, found)


# --- keys of the account's own ---


def test_a_secret_under_a_key_of_the_accounts_own_can_be_decrypted_only_through_its_keeper(corners):
    seen = {}
    for platform in Platform:
        for spec in (spec for spec in corners.services(platform) if spec.secrets):
            stack = f"{platform.value.capitalize()}-{spec.name}"
            roles = [role for role in corners.roles() if role.stack == stack]
            allowed = [s for role in roles for s in corners.statements(role) if "kms:Decrypt" in s.actions]
            seen[stack] = dict(_decrypting(s) for s in allowed if s.resources[0].endswith(":key/*"))
            assert seen[stack] == _wanted(spec, None)
            for key in {s.kms_key for s in spec.secrets.values() if s.kms_key}:
                assert dict(_decrypting(s) for s in allowed if s.resources == (key,)) == _wanted(spec, key)
    assert [set(seen[stack]) for stack in ("Ecs-alpha", "Eks-alpha")] == 2 * [{"secretsmanager", "ssm"}]
    assert set(seen["Ecs-nightly"]) == {"secretsmanager"}


def test_a_secret_whose_key_the_manifest_names_is_decrypted_with_that_key_only(corners):
    for stack in ("Ecs-depot", "Eks-depot"):
        roles = [role for role in corners.roles() if role.stack == stack]
        decrypting = [s for role in roles for s in corners.statements(role) if "kms:Decrypt" in s.actions]
        pinned = [s for s in decrypting if "quay/pinned" in str(s.conditions)]
        assert [s.resources for s in pinned] == [(corners.catalog.service("depot").secrets["PINNED"].kms_key,)]
        assert "quay/pinned" not in str([s.conditions for s in decrypting if s.resources[0].endswith("*")])


def _decrypting(statement):
    """The keeper through which a statement lets decrypt, and the condition on what."""
    assert statement.actions == ("kms:Decrypt",)
    assert set(statement.conditions) == {"StringEquals", "StringLike"}
    [keeper] = _listed(statement.conditions["StringEquals"]["kms:ViaService"])
    [(key, patterns)] = statement.conditions["StringLike"].items()
    return keeper.split(".")[0], (key, _listed(patterns))


def _wanted(spec, key):
    sources = [s for s in spec.secrets.values() if s.kms_key == key]
    secrets = {f"*:secret:{s.secrets_manager}-??????" for s in sources if s.secrets_manager}
    parameters = {f"*:parameter{s.ssm}" for s in sources if s.ssm}
    wanted = {
        "secretsmanager": ("kms:EncryptionContext:SecretARN", sorted(secrets)),
        "ssm": ("kms:EncryptionContext:PARAMETER_ARN", sorted(parameters)),
    }
    return {keeper: (key, patterns) for keeper, (key, patterns) in wanted.items() if patterns}


def _listed(value):
    return value if isinstance(value, list) else [value]


def test_a_service_without_secrets_decrypts_nothing(sandbox):
    roles = [role for role in sandbox.roles() if role.stack in {"Ecs-web", "Eks-web", "Ecs-quotes"}]
    assert roles
    assert not any("kms:Decrypt" in s.actions for role in roles for s in sandbox.statements(role))


# --- tables ---


@pytest.mark.parametrize("platform", list(Platform))
def test_another_key_of_a_table_changes_the_template_of_the_service_that_uses_it(corners, platform):
    """The CLI skips a stack whose own template is the same, and a weak reference does not show that the table was replaced."""
    for spec in (spec for spec in corners.services(platform) if spec.all_tables):
        noted = corners.templates[f"{platform.value.capitalize()}-{spec.name}"]["Metadata"]
        own = spec.table and not spec.table.existing
        assert noted.get("TableKeys") == (
            [k for k in (spec.table.partition_key, spec.table.sort_key) if k] if own else None
        )
        further = {name: list(table.keys) for name, table in spec.tables.items() if not table.existing}
        assert noted.get("KeysOfTables", {}) == further


def test_only_services_with_a_table_read_one(corners):
    for stack, template in corners.templates.items():
        reads = [name for name in intrinsics(template, "Fn::GetStackOutput") if "Table" in name["OutputName"]]
        reads += [name for name in intrinsics(template, "Fn::ImportValue") if "Table" in str(name)]
        assert bool(reads) == bool({"TableKeys", "KeysOfTables"} & set(template.get("Metadata", {}))), stack


# --- what is kept ---

_NAMED = {"AWS::ECR::Repository": "RepositoryName", "AWS::Logs::LogGroup": "LogGroupName"}


def _kept(assembly):
    for template in assembly.templates.values():
        for resource in template["Resources"].values():
            if resource.get("DeletionPolicy", "Delete") != "Delete":
                yield resource["Type"], resource["Properties"]


def test_what_is_kept_under_a_name_of_ours_can_be_taken_over_by_the_next_deployment(assembly):
    """--import-existing-resources: a name written out, which identifies the resource, and a policy that retains it (above).

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html
    """
    named = set()
    for kind, properties in _kept(assembly):
        for (name,) in schema_of(kind).identifier:
            if name in properties:
                assert isinstance(properties[name], str), (kind, properties[name])
                named.add((kind, name))
    platforms = assembly.settings.platforms
    assert (named == set(_NAMED.items())) is (assembly.settings.removal is Removal.KEPT and Platform.EKS in platforms)


def test_only_names_that_aws_dictates_are_given_to_log_groups(assembly):
    """Any other name would be in the way of the next deployment, and no one looks for it."""
    groups = {
        group["LogGroupName"]
        for group in assembly.resources("AWS::Logs::LogGroup")
        if "LogGroupName" in group.properties
    }
    assert (
        {group.split(assembly.settings.prefix)[0] for group in groups}
        <= {
            "/aws/containerinsights/",  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-reference.html
            "/aws/ecs/containerinsights/",
            "/aws/eks/",  # https://docs.aws.amazon.com/eks/latest/userguide/control-plane-logs.html
        }
    )
