"""The assembly as a whole: its stacks, how they refer to each other, and what users see of them."""

from __future__ import annotations

import re

import pytest

from config import quotas
from config.service import HttpService
from config.settings import Platform, References, Removal
from tests.snapshot.normalise import normalised
from tests.stacks.templates import Assembly, intrinsics, tags

# The longest name that each API's reference allows, by type and property.
LONGEST = {
    ("AWS::IAM::Role", "RoleName"): 64,
    ("AWS::ECR::Repository", "RepositoryName"): 256,
    ("AWS::ElasticLoadBalancingV2::TargetGroup", "Name"): 32,
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", "Name"): 32,
    ("AWS::EKS::Cluster", "Name"): 100,
    ("AWS::ECS::Cluster", "ClusterName"): 255,
    ("AWS::CloudWatch::Alarm", "AlarmName"): 255,
    ("AWS::Logs::LogGroup", "LogGroupName"): 512,
}
# A changed logical id of any of these would create a new, empty one.
STATEFUL = {
    "AWS::DynamoDB::Table",
    "AWS::EC2::VPC",
    "AWS::ECR::Repository",
    "AWS::ECS::Cluster",
    "AWS::EKS::Cluster",
    "AWS::ElasticLoadBalancingV2::LoadBalancer",
    "AWS::KMS::Key",
    "AWS::S3::Bucket",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
    "AWS::ServiceDiscovery::HttpNamespace",
}
PINNED = {
    "Ecs/AccessLogs8B620ECA",
    "Ecs/ClusterEB0386A7",
    "Ecs/LoadBalancerBE9EEC3A",
    "Ecs/Namespace9B63B8C8",
    "Eks/AccessLogs8B620ECA",
    "Eks/ClusterEB0386A7",
    "Eks/EnvelopeKey0499CB8D",
    "Ecs-hello/JobFailures02E56A28",
    "Foundation/Alarms04B5A0BF",
    "Network/Vpc8378EB38",
    "Registry/Repositoryhello9115B9D3",
    "Registry/Repositorynotices0662BAD1",
    "Registry/Repositoryquotes2CBC5E67",
    "Registry/Repositorytracking806CE792",
    "Registry/RepositorywebC59B8B71",
    "State/DeadLettersnotices6466B36B",
    "State/Queuenotices5866AA55",
    "State/TabletrackingA563C38D",
}
PINNED_WITH_A_KEY = PINNED | {"Foundation/Key961B73FD"}


def test_logical_ids_of_what_holds_state_never_change(environment):
    stateful = {r.path for r in environment.resources() if r.type in STATEFUL}
    assert stateful == (PINNED_WITH_A_KEY if environment.settings.customer_managed_key else PINNED)


def test_the_stacks_are_the_shared_ones_and_two_per_service(assembly):
    shared = {"Foundation", "Network", "Registry", "State", "Ecs", "Eks"}
    services = {f"{p.value.title()}-{s.name}" for s in assembly.catalog.services for p in s.platforms}
    assert set(assembly.stacks) == shared | services


@pytest.mark.parametrize(("variant", "platform"), [("ecs-alone", Platform.ECS), ("eks-alone", Platform.EKS)])
def test_a_platform_can_be_left_out(synthesis, variant, platform):
    assembly = synthesis.assembly(variant)
    other = "Eks" if platform is Platform.ECS else "Ecs"
    services = {f"{platform.value.title()}-{s.name}" for s in assembly.services(platform)}
    assert set(assembly.stacks) == {"Foundation", "Network", "Registry", "State", platform.value.title()} | services
    assert not [name for name in assembly.stacks if name.startswith(other)]


def test_two_environments_fit_in_one_account(sandbox, production):
    names = [{s["properties"]["stackName"] for s in a.stacks.values()} for a in (sandbox, production)]
    assert names[0].isdisjoint(names[1])
    assert all(name.startswith("harbour-sandbox-") for name in names[0])


def test_environments_differ_only_where_their_settings_do(production, synthesis):
    """The same settings under another name give the same templates under another name."""
    twin = synthesis.assembly("twin")
    assert set(twin.stacks) == set(production.stacks)
    for stack in production.stacks:
        assert normalised(twin, stack).replace("twin", "production") == normalised(production, stack), stack


def test_nothing_was_looked_up(assembly):
    assert assembly.manifest.get("missing", []) == []


def test_nothing_is_looked_up_when_account_and_region_are_given(synthesis):
    assert synthesis.assembly("eks-alone").manifest.get("missing", []) == []
    assert synthesis.assembly("eks-alone").stacks["Network"]["environment"] == "aws://123456789012/eu-central-1"


def test_without_account_and_region_the_credentials_decide(environment):
    for stack in environment.stacks.values():
        assert stack["environment"] == "aws://unknown-account/unknown-region"


def test_account_region_and_zones_are_the_settings(corners):
    assert {s["environment"] for s in corners.stacks.values()} == {"aws://123456789012/eu-west-1"}
    zones = {s["AvailabilityZone"] for s in corners.resources("AWS::EC2::Subnet")}
    assert zones == {"eu-west-1a", "eu-west-1b"}


def test_no_stack_exceeds_a_limit_of_cloudformation(assembly):
    for name, template in assembly.templates.items():
        assert len(template["Resources"]) < quotas.STACK_RESOURCES.value / 2, name
        assert len(template.get("Outputs", {})) < quotas.STACK_OUTPUTS.value / 2, name
        assert len(assembly.text(name)) < quotas.TEMPLATE_SIZE.value / 2, name


def test_no_name_is_longer_than_its_service_allows(assembly):
    checked = 0
    for resource in assembly.resources():
        for (kind, name), longest in LONGEST.items():
            if resource.type == kind and name in resource.properties:
                text = re.sub(r"<AWS::Region>", "ap-southeast-1", resource[name])
                assert len(text) <= longest, resource.path
                checked += 1
    assert checked


# --- references -------------------------------------------------------------------------------------------------------


def test_references_are_as_strong_as_the_setting(assembly):
    weak = [r for t in assembly.templates.values() for r in intrinsics(t, "Fn::GetStackOutput")]
    strong = [r for t in assembly.templates.values() for r in intrinsics(t, "Fn::ImportValue")]
    if assembly.settings.references is References.WEAK:
        assert weak
        assert not strong
    else:
        assert strong
        assert not weak


def test_the_two_environments_show_both_strengths(sandbox, production):
    assert (sandbox.settings.references, production.settings.references) == (References.WEAK, References.STRONG)


def test_the_cli_deploys_what_is_referred_to_first(assembly):
    names = {stack["properties"]["stackName"]: name for name, stack in assembly.stacks.items()}
    for consumer, template in assembly.templates.items():
        for reference in intrinsics(template, "Fn::GetStackOutput"):
            assert names[reference["StackName"]] in _deployed_before(assembly, consumer)


def _deployed_before(assembly: Assembly, stack: str) -> set[str]:
    seen: set[str] = set()
    ahead = {stack}
    while ahead:
        name = ahead.pop()
        seen.add(name)
        ahead |= {d for d in assembly.stacks[name]["dependencies"] if d in assembly.stacks} - seen
    return seen - {stack}


def test_shared_stacks_refer_to_no_service(assembly):
    for name in ("Foundation", "Network", "Registry", "State", "Ecs", "Eks"):
        assert not [d for d in assembly.stacks[name]["dependencies"] if "-" in d.removesuffix(".assets")]


# --- what users see ---------------------------------------------------------------------------------------------------


def test_outputs_show_where_everything_is(assembly):
    assert set(assembly.outputs("Ecs")) >= {"Url", "ClusterName"}
    assert set(assembly.outputs("Eks")) >= {"Url", "UpdateKubeconfig"}
    for spec in assembly.catalog.services:
        for stack in (platform.value.title() for platform in spec.platforms):
            base = assembly.outputs(stack)["Url"]
            url = assembly.outputs(f"{stack}-{spec.name}").get("Url")
            route = spec.address if isinstance(spec, HttpService) else None
            origin = f"{base.split(':')[0]}://{route.host}" if route and route.host else base
            assert url == (f"{origin}{route.path}" if route else None)


def test_the_kubeconfig_command_names_cluster_and_region(assembly):
    region = assembly.settings.region or "<AWS::Region>"
    wanted = f"aws eks update-kubeconfig --name {assembly.settings.prefix} --region {region}"
    assert assembly.outputs("Eks")["UpdateKubeconfig"] == wanted


def test_the_kubeconfig_output_says_whether_anyone_can_use_kubectl(assembly):
    described = assembly.templates["Eks"]["Outputs"]["UpdateKubeconfig"]["Description"]
    wanted = "for the principals in eks_admins" if assembly.settings.eks_admins else "eks_admins is empty"
    assert wanted in described


def test_every_stack_has_a_description(assembly):
    for name, template in assembly.templates.items():
        assert template["Description"].startswith(f"{assembly.settings.prefix}: "), name


def test_every_stack_carries_the_settings_tags(assembly):
    wanted = assembly.settings.tags | {"app": assembly.settings.app, "environment": assembly.settings.environment}
    for stack in assembly.stacks.values():
        assert stack["properties"]["tags"] == wanted


def test_tasks_carry_tags_too(assembly):
    for service in assembly.resources("AWS::ECS::Service"):
        assert service["PropagateTags"] == "SERVICE"
        assert service["EnableECSManagedTags"] is True
    assert not [r.path for r in assembly.resources("AWS::ECS::Service") if "aws:" in str(tags(r))]


def test_a_kept_environment_cannot_be_deleted_by_accident(assembly):
    kept = assembly.settings.removal is Removal.KEPT
    assert {s["properties"]["terminationProtection"] for s in assembly.stacks.values()} == {kept}


# --- adding a service -------------------------------------------------------------------------------------------------


def test_a_copied_folder_adds_two_stacks_and_one_repository(sandbox, synthesis):
    added = synthesis.assembly("added")
    assert set(added.stacks) - set(sandbox.stacks) == {"Ecs-hello2", "Eks-hello2"}
    paths = [{r.path for r in a.resources() if "-hello2" not in r.stack} for a in (sandbox, added)]
    new = paths[1] - paths[0]
    assert [path.split("Repository")[0] for path in new] == ["Registry/"]
    assert paths[0] <= paths[1]


def test_a_new_service_touches_no_other_template(sandbox, synthesis):
    added = synthesis.assembly("added")
    for name in sandbox.stacks:
        if name != "Registry":
            assert added.text(name) == sandbox.text(name), name


def test_a_new_route_changes_no_other(sandbox, synthesis):
    """Priorities depend only on the path; the cluster's stacks never depend on a service.

    The outputs that stacks read from each other may change their order, which CloudFormation and the CLI ignore.
    """
    routed = synthesis.assembly("routed")
    assert set(routed.stacks) - set(sandbox.stacks) == {"Ecs-another", "Eks-another"}
    for name in sandbox.stacks:
        if name != "Registry":
            assert routed.templates[name] == sandbox.templates[name], name


def test_a_new_service_adds_its_repository_and_changes_nothing_else(sandbox, synthesis):
    bodies = [{r.path: r.body for r in a.resources(stack="Registry")} for a in (sandbox, synthesis.assembly("routed"))]
    assert {path for path, body in bodies[0].items() if bodies[1][path] != body} == set()
    added = [bodies[1][path]["Type"] for path in set(bodies[1]) - set(bodies[0])]
    assert added == ["AWS::ECR::Repository"]


def test_a_copied_service_differs_only_in_its_name(synthesis):
    added = synthesis.assembly("added")
    for platform in ("Ecs", "Eks"):
        one, other = added.text(f"{platform}-hello"), added.text(f"{platform}-hello2")
        assert len(one.splitlines()) == len(other.splitlines())
