"""ECS Exec: off unless the settings say otherwise; then on for everything that runs on ECS, and each session is logged."""

from __future__ import annotations

import json

from config.settings import Platform

FOLDERS = {"/managed-agents", "/var/lib/amazon/ssm", "/var/log/amazon/ssm"}


def _switches(assembly):
    yield from (s.get("EnableExecuteCommand", False) for s in assembly.resources("AWS::ECS::Service"))
    for schedule in assembly.resources("AWS::Scheduler::Schedule"):
        if "EcsParameters" in schedule["Target"]:
            yield schedule["Target"]["EcsParameters"].get("EnableExecuteCommand", False)
    for machine in assembly.resources("AWS::StepFunctions::StateMachine"):
        attempt = json.loads(machine["DefinitionString"])["States"]["Attempt"]
        yield attempt["Parameters"].get("EnableExecuteCommand", False)


def test_every_service_and_job_has_it_or_none(assembly):
    assert set(_switches(assembly)) == {assembly.settings.exec}


def test_nobody_can_open_a_shell_in_a_task_unless_the_settings_say_so(sandbox, production):
    for assembly in (sandbox, production):
        assert not assembly.settings.exec
        assert set(_switches(assembly)) == {False}
        actions = {a for role in assembly.roles() for s in assembly.statements(role) for a in s.actions}
        assert not any(action.startswith("ssmmessages:") for action in actions)


def test_a_session_is_logged_where_the_service_logs_and_encrypted_with_the_environments_key(corners):
    [cluster] = corners.resources("AWS::ECS::Cluster")
    configured = cluster["Configuration"]["ExecuteCommandConfiguration"]
    assert configured["Logging"] == "DEFAULT"
    assert corners.by_reference(configured["KmsKeyId"]).type == "AWS::KMS::Key"


def test_a_task_writes_sessions_to_its_own_log_only_and_decrypts_nothing_but_their_keys(corners):
    for spec in corners.services(Platform.ECS):
        stack = f"Ecs-{spec.name}"
        definition = corners.one("AWS::ECS::TaskDefinition", stack=stack)
        role = corners.by_reference(definition["TaskRoleArn"])
        log = corners.by_reference(
            definition["ContainerDefinitions"][0]["LogConfiguration"]["Options"]["awslogs-group"]
        )
        [writes] = [s for s in corners.statements(role) if "logs:PutLogEvents" in s.actions]
        assert [corners.by_reference(resource) for resource in writes.resources] == [log]
        keys = [s for s in corners.statements(role) if "aws:ssm:SessionId" in str(s.conditions)]
        assert [list(statement.actions) for statement in keys] == [["kms:Decrypt"]]


def test_the_agent_may_write_to_its_folders_and_only_those_are_added(corners):
    for spec in corners.services(Platform.ECS):
        container = corners.one("AWS::ECS::TaskDefinition", stack=f"Ecs-{spec.name}")["ContainerDefinitions"][0]
        assert {m["ContainerPath"] for m in container["MountPoints"]} == FOLDERS | {"/tmp", *spec.writable}
        assert container["ReadonlyRootFilesystem"] is True
        assert container["LinuxParameters"]["InitProcessEnabled"] is spec.init
