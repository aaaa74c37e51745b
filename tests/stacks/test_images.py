"""Images: one repository per service, one role that publishes, and tags that change only with the code."""

from __future__ import annotations

import fnmatch
import json
import re
from typing import Any

from config.image import RECIPE
from config.settings import Architecture, Platform, Removal
from tests.stacks.templates import Assembly, Resource, statements

# The calls of the CLI's asset publishing and of `docker push`, and those that check whether an image exists.
PUBLISHING = {
    "ecr:DescribeRepositories",
    "ecr:DescribeImages",
    "ecr:BatchGetImage",
    "ecr:BatchCheckLayerAvailability",
    "ecr:InitiateLayerUpload",
    "ecr:UploadLayerPart",
    "ecr:CompleteLayerUpload",
    "ecr:PutImage",
}


def service_stacks(assembly: Assembly) -> list[tuple[str, str, Platform]]:
    """(stack, service, platform) of each."""
    return [(f"{p.value.title()}-{s.name}", s.name, p) for s in assembly.catalog.services for p in s.platforms]


def image_asset(assembly: Assembly, stack: str) -> tuple[str, dict[str, Any]]:
    """The service's own."""
    [own] = [(digest, asset) for digest, asset in image_assets(assembly, stack) if "." not in digest]
    return own


def image_assets(assembly: Assembly, stack: str) -> list[tuple[str, dict[str, Any]]]:
    """The sidecars' too."""
    images = assembly.assets(stack)["dockerImages"]
    assert len(images) == 1 + len(assembly.catalog.service(stack.partition("-")[2]).sidecars), stack
    return [*images.items()]


def repositories(assembly: Assembly) -> dict[str, Resource]:
    found = {r["RepositoryName"]: r for r in assembly.resources("AWS::ECR::Repository", stack="Registry")}
    assert found
    return found


# --- repositories -----------------------------------------------------------------------------------------------------


def test_each_service_has_a_repository_and_there_are_no_others(assembly):
    names = {s.name for s in assembly.catalog.services} | set(assembly.settings.keep_repositories)
    assert set(repositories(assembly)) == {f"{assembly.settings.prefix}/{name}" for name in names}


def test_a_repository_outlives_its_folder_while_the_setting_says_so(corners):
    assert "quay-corners/gone" in repositories(corners)


def test_tags_are_immutable_and_images_scanned_and_encrypted(assembly):
    for repository in repositories(assembly).values():
        assert repository["ImageTagMutability"] == "IMMUTABLE"
        assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}
        assert repository["EncryptionConfiguration"]["EncryptionType"] == "KMS"


def selections_of(repository: Resource) -> list[dict[str, Any]]:
    rules = json.loads(repository["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
    return [rule["selection"] for rule in sorted(rules, key=lambda rule: rule["rulePriority"])]


def test_no_rule_counts_the_images_of_one_platform(assembly):
    """Both platforms' tags share an image, so a rule for one would expire what the other runs."""
    for repository in repositories(assembly).values():
        first, *of_sidecars, last = selections_of(repository)
        assert (first["tagStatus"], last["tagStatus"]) == ("untagged", "any")
        assert last["countNumber"] == assembly.settings.image_retention_count
        assert not any("tagPrefixList" in selection for selection in (first, *of_sidecars, last))


def test_pushes_of_the_service_do_not_expire_a_sidecars_image_nor_the_other_way_round(corners):
    """A sidecar's image stays the same while its service's changes every day: a count of its own keeps it."""
    tags = {
        asset["destinations"][key]["imageTag"]
        for stack in ("Ecs-escort", "Eks-escort")
        for _, asset in image_assets(corners, stack)
        for key in asset["destinations"]
    }
    found = [s for s in selections_of(repositories(corners)["quay-corners/escort"]) if "tagPatternList" in s]
    assert [selection["countNumber"] for selection in found] == [corners.settings.image_retention_count] * 3
    for selection in found:
        [pattern] = selection["tagPatternList"]
        selected = {tag for tag in tags if fnmatch.fnmatch(tag, pattern)}
        assert {tag.partition("-")[0] for tag in selected} == {"ecs", "eks"}
        assert len(selected) == 2


def test_a_sidecars_image_is_the_named_one_with_folders_for_its_user(corners):
    for stack in ("Ecs-escort", "Eks-escort"):
        [(_, asset)] = [found for found in image_assets(corners, stack) if found[0].startswith("sidecar.pilot.")]
        lines = (
            (corners.directory / asset["source"]["directory"] / asset["source"]["dockerFile"]).read_text().splitlines()
        )
        assert lines[0].startswith("FROM public.ecr.aws/nginx/nginx:1.29 AS ")
        assert "COPY --from=container-services-folders --chown=1000:1000 --chmod=0755 /1/ /var/cache/" in lines
        assert 'VOLUME ["/tmp", "/var/cache/nginx", "/run"]' in lines


def test_ten_failed_pushes_do_not_expire_what_runs(assembly):
    assert assembly.settings.image_retention_count > 10


def test_images_are_deleted_with_the_stack_only_in_a_disposable_environment(assembly):
    disposable = assembly.settings.removal is Removal.DISPOSABLE
    for repository in repositories(assembly).values():
        assert bool(repository.get("EmptyOnDelete", False)) is disposable
        assert repository.deletion_policy == ("Delete" if disposable else "RetainExceptOnCreate")


# --- the publisher ----------------------------------------------------------------------------------------------------


def publisher(assembly: Assembly) -> Resource:
    return assembly.one("AWS::IAM::Role", stack="Registry")


def test_the_publisher_is_trusted_as_the_bootstrap_roles_are(assembly):
    trust = statements(publisher(assembly)["AssumeRolePolicyDocument"])
    assert {action for statement in trust for action in statement.actions} == {"sts:AssumeRole", "sts:TagSession"}
    trusted = {principal for statement in trust for principal in _listed(statement.principals["AWS"])}
    accounts = {
        re.fullmatch(r"arn:(?:aws|<AWS::Partition>):iam::(\d{12}|<AWS::AccountId>):root", t)[1] for t in trusted
    }
    own = assembly.settings.account or "<AWS::AccountId>"
    assert accounts == {own, *assembly.settings.trusted_accounts}


def _listed(value):
    return value if isinstance(value, list) else [value]


def test_a_ci_role_that_may_assume_the_bootstraps_roles_may_assume_the_publisher(assembly):
    """Such a role is usually allowed role/cdk-*."""
    assert publisher(assembly)["RoleName"].startswith("cdk-")


def test_the_publishers_name_holds_the_region_since_roles_are_global(assembly):
    assert publisher(assembly)["RoleName"] == f"cdk-{assembly.settings.prefix}-push-<AWS::Region>"


def test_the_publisher_may_make_only_the_calls_of_publishing(assembly):
    held = {
        action: set(statement.resources)
        for statement in assembly.statements(publisher(assembly))
        for action in statement.actions
    }
    scope = f"arn:<AWS::Partition>:ecr:<AWS::Region>:<AWS::AccountId>:repository/{assembly.settings.prefix}/*"
    assert held == {action: {scope} for action in PUBLISHING} | {"ecr:GetAuthorizationToken": {"*"}}


def test_the_publishers_scope_is_every_repository_of_its_environment_and_no_other(assembly):
    """No environment's pattern matches another's repositories, since a slash ends the prefix."""
    (scope,) = {r for s in assembly.statements(publisher(assembly)) if "ecr:PutImage" in s.actions for r in s.resources}
    prefix = scope.removesuffix("*").rpartition(":repository/")[2]
    assert prefix == f"{assembly.settings.prefix}/"
    assert all(name.startswith(prefix) for name in repositories(assembly))


# --- publishing -------------------------------------------------------------------------------------------------------


def test_an_image_goes_straight_to_its_services_repository_by_the_publisher(assembly):
    for service, platform, digest, asset in (
        (service, platform, *image)
        for stack, service, platform in service_stacks(assembly)
        for image in image_assets(assembly, stack)
    ):
        for destination in asset["destinations"].values():
            assert destination["repositoryName"] == f"{assembly.settings.prefix}/{service}"
            assert destination["imageTag"] == f"{platform.value}-{digest}"
            assert destination["assumeRoleArn"].endswith(
                f":role/cdk-{assembly.settings.prefix}-push-${{AWS::Region}}"
            ) or (destination["assumeRoleArn"].endswith(f":role/cdk-{assembly.settings.prefix}-push-eu-west-1"))


def test_what_runs_is_the_image_that_was_pushed(assembly):
    for stack, service, platform in service_stacks(assembly):
        tails = {
            f"/{assembly.settings.prefix}/{service}:{platform.value}-{digest}"
            for digest, _ in image_assets(assembly, stack)
        }
        images = _images(assembly, stack, platform)
        assert {tail for tail in tails if any(image.endswith(tail) for image in images)} == tails
        assert all(any(image.endswith(tail) for tail in tails) for image in images)


def _images(assembly: Assembly, stack: str, platform: Platform) -> list[str]:
    if platform is Platform.ECS:
        definition = assembly.one("AWS::ECS::TaskDefinition", stack=stack)
        images = [container["Image"] for container in definition["ContainerDefinitions"]]
    else:
        images = re.findall(r'"image": "([^"]+)"', json.dumps(assembly.objects(stack)))
    assert images
    return images


def test_the_first_deployment_builds_only_after_the_repositories_exist(assembly):
    """The CLI checks the repository before it builds, and builds before it deploys anything."""
    for stack, _, _ in service_stacks(assembly):
        assert "Registry" in assembly.manifest["artifacts"][f"{stack}.assets"]["dependencies"]
        assert f"{stack}.assets" in assembly.stacks[stack]["dependencies"]


def test_registry_waits_for_no_image(assembly):
    assert assembly.assets("Registry").get("dockerImages", {}) == {}


def test_images_are_built_for_the_environments_architecture_from_its_base_registry(assembly):
    for stack, service, _ in service_stacks(assembly):
        source = image_asset(assembly, stack)[1]["source"]
        assert source["platform"] == f"linux/{assembly.settings.architecture.value}"
        spec = assembly.catalog.service(service)
        base = None if spec.image else assembly.settings.base_registry
        assert source.get("dockerBuildArgs", {}).get("BASE_REGISTRY") == base


def test_one_architecture_reaches_image_task_pod_and_node(assembly):
    architecture = assembly.settings.architecture
    runtime = {Architecture.AMD64: "X86_64", Architecture.ARM64: "ARM64"}[architecture]
    images = {image_asset(assembly, stack)[1]["source"]["platform"] for stack, _, _ in service_stacks(assembly)}
    tasks = {d["RuntimePlatform"]["CpuArchitecture"] for d in assembly.resources("AWS::ECS::TaskDefinition")}
    pods = set(re.findall(r'"nodeSelector": \{"kubernetes.io/arch": "(\w+)"\}', json.dumps(assembly.objects())))
    requirements = assembly.object("Eks", "NodePool")["spec"]["template"]["spec"]["requirements"]
    nodes = [r["values"] for r in requirements if r["key"] == "kubernetes.io/arch"]
    assert images == {f"linux/{architecture.value}"}
    assert tasks == {runtime}
    assert pods == {architecture.value}
    assert nodes == [[architecture.value]]


def test_the_two_environments_show_both_architectures(sandbox, production):
    assert {sandbox.settings.architecture, production.settings.architecture} == set(Architecture)


# --- tags follow the code ---------------------------------------------------------------------------------------------


def test_what_dockerignore_leaves_out_changes_no_tag(sandbox, synthesis):
    """Documents, tests and caches, in services whose .dockerignore lists what to let in."""
    added = synthesis.assembly("added")
    for stack, _, _ in service_stacks(sandbox):
        assert image_asset(added, stack)[0] == image_asset(sandbox, stack)[0], stack


def test_a_manifests_new_description_changes_no_tag(sandbox, synthesis):
    edited = synthesis.assembly("edited")
    for stack in ("Ecs-tracking", "Eks-tracking"):
        assert edited.text(stack) != sandbox.text(stack)
        assert image_asset(edited, stack)[0] == image_asset(sandbox, stack)[0]


def test_new_code_changes_its_services_tag_and_no_other(sandbox, synthesis):
    edited = synthesis.assembly("edited")
    changed = {
        stack
        for stack, _, _ in service_stacks(sandbox)
        if image_asset(edited, stack)[0] != image_asset(sandbox, stack)[0]
    }
    assert changed == {"Ecs-quotes", "Eks-quotes"}


def test_the_cli_builds_from_the_context_that_docker_would_send_and_nothing_else(assembly):
    """It has exactly what .dockerignore lets in (alpha's lets in everything)."""
    for stack, service, _ in service_stacks(assembly):
        folder = assembly.directory / image_asset(assembly, stack)[1]["source"]["directory"]
        staged = {str(path.relative_to(folder)) for path in folder.rglob("*")}
        source = assembly.catalog.images[service]
        own = {RECIPE, f"{RECIPE}.dockerignore"} if source.recipe else {"Dockerfile", ".dockerignore"}
        assert staged == {entry.path for entry in source.context.entries} | own, stack


def test_the_cli_builds_the_dockerfile_the_stage_and_the_arguments_of_the_manifest(assembly):
    for stack, service, _ in service_stacks(assembly):
        asset, source = image_asset(assembly, stack)[1]["source"], assembly.catalog.images[service]
        assert asset.get("dockerBuildArgs", {}) == source.build_arguments
        assert asset.get("dockerBuildTarget") == source.target
        name = asset.get("dockerFile", "Dockerfile")
        if source.recipe:
            assert (assembly.directory / asset["directory"] / name).read_bytes() == source.recipe


def test_an_existing_image_is_built_from_no_file_of_the_project_and_pushed_like_any_other(corners):
    _, asset = image_asset(corners, "Ecs-imported")
    assert corners.catalog.images["imported"].context.entries == ()
    [destination] = asset["destinations"].values()
    assert destination["repositoryName"] == "quay-corners/imported"
    folder = corners.directory / asset["source"]["directory"]
    first = (folder / RECIPE).read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("FROM public.ecr.aws/docker/library/debian:trixie-slim AS ")


def test_a_service_may_keep_its_readme_and_tests(corners):
    """A Python package names README.md in its metadata; excluding it unasked broke the build."""
    folder = corners.directory / image_asset(corners, "Ecs-alpha")[1]["source"]["directory"]
    assert {"README.md", "tests"} <= {path.name for path in folder.iterdir()}


def test_both_platforms_run_the_same_content(assembly):
    by_service: dict[str, set[str]] = {}
    for stack, service, _ in service_stacks(assembly):
        by_service.setdefault(service, set()).add(image_asset(assembly, stack)[0])
    assert {service: len(digests) for service, digests in by_service.items() if len(digests) > 1} == {}


def test_the_projects_own_services_let_in_nothing_that_no_image_needs(environment):
    assert [notice for notice in environment.catalog.notices if ".dockerignore" in notice] == []


def test_every_image_brings_a_writable_tmp_and_a_user_that_is_not_root(environment):
    """Fargate mounts an empty volume owned by root, unless the image declares a volume at the same path."""
    for spec in environment.catalog.services:
        final = (spec.folder / "Dockerfile").read_text(encoding="utf-8").rsplit("\nFROM ", 1)[-1]
        assert re.search(r"^VOLUME .*/tmp\b", final, flags=re.MULTILINE), spec.name
        assert re.search(r"^USER 65532:65532$", final, flags=re.MULTILINE), spec.name
        assert not (spec.folder / "Dockerfile").read_text(encoding="utf-8").startswith("# syntax="), spec.name
