"""What a task definition asks of its container, and which names it can resolve."""

import json

import pytest

from ops.local import container_options
from ops.local.mesh import Membership, Mesh, from_templates

CONTAINER = {
    "Name": "web",
    "ReadonlyRootFilesystem": True,
    "User": "65532:65532",
    "LinuxParameters": {"InitProcessEnabled": True, "Capabilities": {"Drop": ["ALL"]}, "SharedMemorySize": 64},
    "StopTimeout": 45,
    "HealthCheck": {"Command": ["CMD", "true"], "Interval": 10, "StartPeriod": 5},
    "DockerSecurityOptions": ["no-new-privileges"],
    "Secrets": [{"Name": "KEY", "ValueFrom": "arn"}],
}


def lower_first(node):
    if isinstance(node, dict):
        return {key[0].lower() + key[1:]: lower_first(value) for key, value in node.items()}
    return [lower_first(value) for value in node] if isinstance(node, list) else node


@pytest.mark.parametrize("container", [CONTAINER, lower_first(CONTAINER)], ids=["cloudformation", "api"])
def test_everything_a_definition_asks_for_reaches_the_container(container):
    assert container_options.options(container, {"Memory": "512"}) == {
        "read_only": True,
        "user": "65532:65532",
        "mem_limit": 512 * 1024 * 1024,
        "init": True,
        "cap_drop": ["ALL"],
        "shm_size": 64 * 1024 * 1024,
        "security_opt": ["no-new-privileges"],
        "healthcheck": {
            "test": ["CMD", "true"],
            "interval": 10**10,
            "timeout": 5 * 10**9,
            "retries": 3,
            "start_period": 5 * 10**9,
        },
    }
    assert container_options.labels(container) == {container_options.STOP_TIMEOUT_LABEL: "45"}
    assert container_options.secrets(container) == [{"name": "KEY", "valueFrom": "arn"}]


def test_a_definition_that_asks_for_nothing_gets_ecs_defaults():
    assert container_options.options({}, {}) == {"read_only": False}
    assert container_options.labels({}) == {container_options.STOP_TIMEOUT_LABEL: "30"}
    assert container_options.secrets({}) == []


def test_a_containers_own_memory_comes_before_the_tasks():
    assert container_options.options({"Memory": 128}, {"Memory": "512"})["mem_limit"] == 128 * 1024 * 1024


def test_the_words_false_and_true_are_what_they_say():
    assert container_options.options({"ReadonlyRootFilesystem": "false"}, {})["read_only"] is False
    assert container_options.options({"ReadonlyRootFilesystem": "true"}, {})["read_only"] is True


def service(name, *, alias=None, **variables):
    aliases = [{"ClientAliases": [{"DnsName": alias, "Port": 8080}]}] if alias else []
    environment = [{"Name": key, "Value": value} for key, value in variables.items()]
    definition = {"ContainerDefinitions": [{"Name": name, "Environment": environment}]}
    return {
        "Resources": {
            "Task": {"Type": "AWS::ECS::TaskDefinition", "Properties": definition},
            "Service": {
                "Type": "AWS::ECS::Service",
                "Properties": {"ServiceConnectConfiguration": {"Services": aliases}},
            },
        }
    }


def test_aliases_and_calls_are_read_from_the_templates():
    mesh = from_templates(
        [
            service("tracking", alias="tracking", SELF="http://tracking:8080"),
            service("quotes", alias="quotes", TRACKING_URL="http://tracking:8080", OTHER="https://example.com/x"),
            service("job", QUOTES_URL="http://quotes:8081/base", NAME="tracking", REF={"Ref": "X"}),
        ]
    )
    assert mesh.members == {
        "tracking": Membership(("tracking",), ()),
        "quotes": Membership(("quotes",), ("tracking",)),
        "job": Membership((), ("quotes",)),
    }
    assert mesh.called() == {"tracking", "quotes"}


def test_the_grace_period_is_the_services():
    template = service("slow")
    template["Resources"]["Service"]["Properties"]["HealthCheckGracePeriodSeconds"] = 120
    assert from_templates([template, service("plain")]).members == {
        "slow": Membership(grace=120),
        "plain": Membership(grace=60),
    }


def test_a_mesh_comes_back_from_its_file(tmp_path):
    mesh = Mesh({"quotes": Membership(("quotes",), ("tracking",), 7)})
    mesh.save(tmp_path / "mesh.json")
    assert Mesh.load(tmp_path / "mesh.json") == mesh


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a": 1}', '{"a": {"serves": 1}}', json.dumps({"a": {}})])
def test_a_damaged_mesh_file_is_an_empty_mesh(tmp_path, content):
    (tmp_path / "mesh.json").write_text(content)
    assert Mesh.load(tmp_path / "mesh.json") == Mesh()
    assert Mesh.load(tmp_path / "none.json").of("x") == Membership()


def test_the_sandboxes_calls_are_those_of_its_manifests(sandbox, root):
    import yaml

    from ops.local.filter import read_stacks

    templates = [stack.template for stack in read_stacks(sandbox.directory) if stack.artifact.startswith("Ecs-")]
    mesh = from_templates(templates)
    for manifest in (root / "services").glob("*/service.yaml"):
        declared = yaml.safe_load(manifest.read_text()).get("calls", [])
        assert sorted(mesh.of(manifest.parent.name).calls) == sorted(declared)
