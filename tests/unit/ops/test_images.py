"""Images are read from asset manifests, built once, and each failure is one line; the client here is a script."""

import json

import boto3
import pytest
from moto import mock_aws

from ops.errors import OpsError
from ops.local import images
from ops.local.target import Target
from ops.local.workspace import Workspace
from ops.say import Say
from tests.fakes.assembly import image, write_assembly
from tests.fakes.aws import FakeTarget
from tests.fakes.engine import FakeEngine

HASH = "a" * 64


@pytest.fixture
def fake(tmp_path):
    return FakeEngine(tmp_path)


@pytest.fixture
def workspace(tmp_path):
    workspace = Workspace(tmp_path / "project")
    workspace.prepare()
    return workspace


@pytest.fixture
def assembly(tmp_path):
    """Gives an assembly with image assets by stack, in one folder."""

    def write(**stacks):
        return write_assembly(
            tmp_path / "cdk.out", assets={name: {"dockerImages": assets} for name, assets in stacks.items()}
        )

    return write


def test_one_source_for_two_platforms_is_one_image_with_both_tags(assembly):
    options = {
        "platform": "linux/amd64",
        "dockerBuildArgs": {"B": "2", "A": "1"},
        "dockerFile": "Other",
        "dockerBuildTarget": "t",
    }
    folder = assembly(
        ecs={HASH: image("app/web", "ecs-1", **options)}, eks={HASH: image("app/web", "eks-1", **options)}
    )
    [found] = images.from_assembly(folder)
    assert found.service == "web"
    assert found.names("localhost:1") == ("localhost:1/app/web:ecs-1", "localhost:1/app/web:eks-1")
    file = str(folder.folder.resolve() / "asset.a" / "Other")
    assert found.options == (
        "--file", file, "--target", "t", "--platform", "linux/amd64", "--build-arg", "A=1", "--build-arg", "B=2",
    )  # fmt: skip


def test_what_an_earlier_synth_left_is_not_built(assembly):
    assembly(gone={HASH: image("app/gone", "ecs-1")})
    [found] = images.from_assembly(assembly(web={HASH: image("app/web", "ecs-1")}))
    assert found.service == "web"


def test_the_same_source_in_two_services_is_two_images(assembly):
    folder = assembly(one={HASH: image("app/one", "ecs-1")}, two={HASH: image("app/two", "ecs-1")})
    assert {it.service for it in images.from_assembly(folder)} == {"one", "two"}


def test_an_unsupported_build_option_is_refused(assembly):
    with pytest.raises(OpsError, match="dockerBuildSecrets is not supported"):
        images.from_assembly(assembly(s={HASH: image("app/web", "ecs-1", dockerBuildSecrets={})}))


def build(fake, folder, workspace):
    return images.build_all(
        images.from_assembly(folder), engine=fake.engine, target=Target(), workspace=workspace, say=Say()
    )


def test_an_image_that_the_engine_holds_is_not_built_again(assembly, fake, workspace):
    folder = assembly(s={HASH: image("app/web", "ecs-1")})
    assert build(fake, folder, workspace) == ["web"]
    fake.holds("localhost:4566/app/web:ecs-1")
    assert build(fake, folder, workspace) == []
    assert len(fake.calls("build")) == 1


def test_an_image_that_lacks_one_of_its_tags_is_built(assembly, fake, workspace):
    folder = assembly(ecs={HASH: image("app/web", "ecs-1")}, eks={HASH: image("app/web", "eks-1")})
    fake.holds("localhost:4566/app/web:ecs-1")
    assert build(fake, folder, workspace) == ["web"]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo '#5 ERROR: executor failed: exit code: 3'; echo trailing; exit 1", "executor failed: exit code: 3"),
        ("echo 'error: failed to solve: \"/x\": not found' >&2; exit 1", 'failed to solve: "/x": not found'),
        ("echo 'only this'; exit 1", "only this"),
        ("exit 1", "it wrote nothing"),
    ],
)
def test_a_build_failure_names_the_service_and_the_step_in_one_line(assembly, fake, workspace, script, said):
    fake.answers("build", script)
    with pytest.raises(OpsError) as caught:
        build(fake, assembly(s={HASH: image("app/web", "ecs-1")}), workspace)
    assert caught.value.message == f"web: image build failed: {said} (log: {workspace.log('build-web')})"
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    "words",
    [
        "write /x: No space left on device",
        "#5 2.372 E: You don't have enough free space in /var/cache/apt/archives/.",
        "npm error code ENOSPC",
    ],
)
def test_a_full_disk_is_called_a_full_disk(assembly, fake, workspace, words):
    fake.answers("build", f"echo \"{words}\"; echo '#9 ERROR: other'; exit 1")
    with pytest.raises(OpsError, match="web: the disk is full and its image cannot be built; free some space"):
        build(fake, assembly(s={HASH: image("app/web", "ecs-1")}), workspace)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            ["#5 0.4 E: Unable to locate package x", "#5 0.5 Done", "#6 0.6 error: not this step's"],
            "E: Unable to locate package x",
        ),
        (["#5 0.4 one", "#5 0.5 two"], "two"),
    ],
    ids=["its error", "its last line"],
)
@pytest.mark.parametrize(
    "ends",
    [
        ["#5 ERROR: executor failed running [/bin/sh -c x]: exit code: 100"],
        [
            '#5 ERROR: process "/bin/sh -c x" did not complete successfully: exit code: 100',
            'ERROR: failed to solve: process "/bin/sh -c x" did not complete successfully: exit code: 100',
        ],
        ["#5 ERROR: executor failed running [/bin/sh -c x]: exit code: 100", "#6 ERROR: context canceled"],
        [
            "#6 ERROR: executor failed running [/bin/sh -c y]: exit code: 1",
            "#5 ERROR: executor failed running [/bin/sh -c x]: exit code: 100",
        ],
    ],
    ids=["docker 20", "docker 28", "a neighbour was stopped", "a neighbour failed too"],
)
def test_a_failed_command_is_reported_with_its_reason(written, ends, said):
    assert images.build_error("\n".join([*written, *ends])) == f"exit code 100: {said}"


def test_a_long_error_is_cut(assembly):
    assert len(images.build_error(f"ERROR: {'x' * 1000}")) == 240


@mock_aws
def test_what_the_registry_holds_is_not_pushed_again(assembly, fake, workspace):
    ecr = boto3.client("ecr", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    target = FakeTarget(Target().endpoint, ecr=ecr)
    wanted = images.from_assembly(
        assembly(one={HASH: image("app/one", "ecs-1")}, two={HASH: image("app/two", "ecs-1")})
    )
    images.create_repositories(wanted, target)
    images.create_repositories(wanted, target)
    manifest = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json"})
    ecr.put_image(repositoryName="app/one", imageManifest=manifest, imageTag="ecs-1")
    assert images.push_all(wanted, engine=fake.engine, target=target, workspace=workspace) == ["two"]
    assert fake.calls("push") == ["push localhost:4566/app/two:ecs-1"]
