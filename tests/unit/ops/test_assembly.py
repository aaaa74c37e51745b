"""The reader of a cloud assembly finds only what the manifest names, nothing that an earlier synth left."""

import pytest

from config.settings import Platform
from ops.assembly import Assembly, ImageAsset
from ops.errors import OpsError
from tests.fakes.assembly import image, write_assembly

TEMPLATE = {"Resources": {"A": {"Type": "X"}, "B": {"Type": "Y"}}, "Outputs": {"Url": {"Value": "http://x"}}}


def test_a_stack_has_its_id_its_name_and_its_template(tmp_path):
    [stack] = write_assembly(tmp_path, stacks={"Ecs-web": TEMPLATE}).stacks
    assert (stack.id, stack.name, stack.resources, stack.outputs) == (
        "Ecs-web", "app-Ecs-web", TEMPLATE["Resources"], TEMPLATE["Outputs"],
    )  # fmt: skip
    assert stack.of_type("Y") == [{"Type": "Y"}]


def test_the_stacks_of_services_are_known_by_service(tmp_path):
    stacks = dict.fromkeys(["Ecs", "Ecs-web", "Eks-web", "Network"], TEMPLATE)
    found = write_assembly(tmp_path, stacks=stacks).of_services(Platform.ECS)
    assert {service: stack.id for service, stack in found.items()} == {"web": "Ecs-web"}


def test_an_image_is_listed_with_its_repository_and_tag(tmp_path):
    assets = {"Ecs-web": {"dockerImages": {"h": image("app/web", "ecs-1")}}, "Network": {"files": {}}}
    found = list(write_assembly(tmp_path, assets=assets).images())
    assert found == [ImageAsset("h", {"directory": "asset.a"}, "app/web", "ecs-1")]


def test_what_an_earlier_synth_left_does_not_count(tmp_path):
    write_assembly(tmp_path, stacks={"Gone": TEMPLATE}, assets={"Gone": {"dockerImages": {"h": image("a", "b")}}})
    found = write_assembly(tmp_path, stacks={"Network": TEMPLATE})
    assert [stack.id for stack in found.stacks] == ["Network"]
    assert list(found.images()) == []


def test_a_folder_without_an_assembly_is_refused_with_what_to_run(tmp_path):
    with pytest.raises(OpsError, match="holds no cloud assembly; run `make synth` to write one") as caught:
        Assembly(tmp_path)
    assert caught.value.exit_code == 2
