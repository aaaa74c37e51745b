"""`make synth` ends with a list of what it made."""

import pytest

from ops.assembly import Assembly
from ops.summary import summarize
from tests.fakes.assembly import image, write_assembly


def test_stacks_images_and_addresses_are_listed(tmp_path):
    url = {"Fn::Join": ["", ["http://", {"Fn::GetAtt": ["Balancer", "DNSName"]}, "/web"]]}
    stacks = {
        "Network": {"Description": "the VPC", "Resources": {"Vpc": {"Type": "X"}}},
        "Ecs-web": {"Resources": {"A": {"Type": "X"}, "B": {"Type": "X"}}, "Outputs": {"Url": {"Value": url}}},
    }
    assets = {"Ecs-web": {"dockerImages": {"h": image("app/web", "ecs-1")}}}
    assert summarize(write_assembly(tmp_path, stacks=stacks, assets=assets)).splitlines() == [
        "Stacks (2)",
        "  Ecs-web            2 resources  ",
        "  Network            1 resource   the VPC",
        "",
        "Images",
        "  app/web:ecs-1",
        "",
        "Addresses (known when deployed)",
        "  Ecs-web          http://<load balancer>/web",
    ]


def test_an_empty_section_says_none(tmp_path):
    lines = summarize(write_assembly(tmp_path, stacks={"Network": {"Resources": {}}})).splitlines()
    assert lines.count("  none") == 2


@pytest.mark.parametrize("heading", ["Stacks", "Images", "Addresses"])
def test_the_sandbox_has_something_under_every_heading(sandbox, heading):
    lines = summarize(Assembly(sandbox.directory)).splitlines()
    [place] = [number for number, line in enumerate(lines) if line.startswith(heading)]
    assert lines[place + 1].startswith("  ")
    assert lines[place + 1] != "  none"
