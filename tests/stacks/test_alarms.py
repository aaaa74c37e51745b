"""What a manifest says about alarms holds for all alarms of its service, on both platforms."""

from __future__ import annotations

from tests.stacks.templates import Assembly, Resource


def alarms(assembly: Assembly, service: str) -> dict[str, list[Resource]]:
    found = {s: assembly.resources("AWS::CloudWatch::Alarm", stack=f"{s}-{service}") for s in ("Ecs", "Eks")}
    return {platform: resources for platform, resources in found.items() if resources}


def test_every_alarm_of_a_service_ends_with_its_runbook(corners):
    found = alarms(corners, "escort")
    assert set(found) == {"Ecs", "Eks"}
    for alarm in (alarm for resources in found.values() for alarm in resources):
        assert alarm["AlarmDescription"].endswith(". Runbook: https://wiki.example/escort?step=1#top")


def test_without_one_a_description_is_only_what_happened(corners):
    for alarm in (alarm for resources in alarms(corners, "front").values() for alarm in resources):
        assert "Runbook" not in alarm["AlarmDescription"]


def test_a_service_without_alarms_has_none_on_either_platform(corners):
    assert alarms(corners, "mute") == {}
    assert alarms(corners, "convoy") == {}


def test_without_alarms_the_circuit_breaker_still_rolls_back(corners):
    configuration = corners.one("AWS::ECS::Service", stack="Ecs-mute")["DeploymentConfiguration"]
    assert "Alarms" not in configuration
    assert configuration["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}


def test_a_job_without_alarms_still_collects_its_failures(corners):
    assert corners.resources("AWS::SQS::Queue", stack="Ecs-convoy")
    assert corners.resources("AWS::Events::Rule", stack="Ecs-convoy")
