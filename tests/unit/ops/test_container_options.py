"""A container gets the settings of its task definition."""

import pytest

from ops.local import container_options

CONTAINER = {
    "Name": "web",
    "ReadonlyRootFilesystem": True,
    "User": "65532:65532",
    "LinuxParameters": {"InitProcessEnabled": True, "Capabilities": {"Drop": ["ALL"]}, "SharedMemorySize": 64},
    "StopTimeout": 45,
    "EntryPoint": ["/bin/app"],
    "Command": ["serve"],
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
        "entrypoint": ["/bin/app"],
        "command": ["serve"],
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


def test_whoever_starts_one_task_may_name_another_command():
    assert container_options.options({**CONTAINER, "command": ["once"]}, {})["command"] == ["once"]


def test_without_an_init_process_the_containers_own_is_the_first():
    assert "init" not in container_options.options({"LinuxParameters": {"InitProcessEnabled": False}}, {})


def test_a_containers_own_memory_comes_before_the_tasks():
    assert container_options.options({"Memory": 128}, {"Memory": "512"})["mem_limit"] == 128 * 1024 * 1024


def test_a_boolean_may_be_a_word():
    assert container_options.options({"ReadonlyRootFilesystem": "false"}, {})["read_only"] is False
    assert container_options.options({"ReadonlyRootFilesystem": "true"}, {})["read_only"] is True


def test_a_container_gets_the_time_to_stop_that_its_label_says():
    assert container_options.stop_timeout(container_options.labels(CONTAINER)) == 45
    assert container_options.stop_timeout({}) == 30


def test_a_check_by_a_command_has_the_time_that_ecs_gives_a_start():
    check = {"Command": ["CMD", "alive", "-q"], "Interval": 15, "Timeout": 5, "Retries": 2, "StartPeriod": 40}
    assert container_options.command_check({"HealthCheck": check}) == (["alive", "-q"], 80.0)
    shell = {"healthCheck": {"command": ["CMD-SHELL", "alive | grep yes"]}}
    assert container_options.command_check(shell) == (["sh", "-c", "alive | grep yes"], 105.0)
    assert container_options.command_check({}) is None
