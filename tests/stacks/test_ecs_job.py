"""Jobs on ECS: EventBridge Scheduler starts them with least privilege, and every failure raises an alarm."""

from __future__ import annotations

from typing import Any

from config.schedule import eventbridge_cron
from config.service import Kind, ServiceSpec
from config.settings import Platform
from tests.stacks.templates import Assembly, Resource, statements


def jobs(assembly: Assembly) -> list[tuple[ServiceSpec, Resource]]:
    specs = assembly.services(Platform.ECS, Kind.JOB)
    assert specs
    return [(spec, assembly.one("AWS::Scheduler::Schedule", stack=f"Ecs-{spec.name}")) for spec in specs]


def queue(assembly: Assembly, spec: ServiceSpec) -> Resource:
    return assembly.one("AWS::SQS::Queue", stack=f"Ecs-{spec.name}")


def definition(assembly: Assembly, spec: ServiceSpec) -> Resource:
    return assembly.one("AWS::ECS::TaskDefinition", stack=f"Ecs-{spec.name}")


def test_a_job_runs_on_its_manifests_schedule_in_its_time_zone(assembly):
    for spec, schedule in jobs(assembly):
        assert schedule["ScheduleExpression"] == eventbridge_cron(spec.schedule)
        assert schedule["ScheduleExpressionTimezone"] == spec.timezone
        assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}


def test_the_expression_is_the_schedulers_own_dialect(corners):
    schedule = corners.one("AWS::Scheduler::Schedule", stack="Ecs-nightly")
    assert schedule["ScheduleExpression"] == "cron(15 2 ? * MON,TUE,WED,THU,FRI *)"


def test_a_run_is_one_private_task_of_the_jobs_definition(assembly):
    for spec, schedule in jobs(assembly):
        parameters = schedule["Target"]["EcsParameters"]
        assert parameters["TaskDefinitionArn"] == definition(assembly, spec).ref
        assert parameters["TaskCount"] == 1
        assert assembly.by_reference(schedule["Target"]["Arn"]).type == "AWS::ECS::Cluster"


def test_a_job_is_not_a_service_and_takes_no_requests(assembly):
    for spec, _ in jobs(assembly):
        for kind in ("AWS::ECS::Service", "AWS::ElasticLoadBalancingV2::TargetGroup"):
            assert assembly.resources(kind, stack=f"Ecs-{spec.name}") == []


def test_the_schedulers_role_may_start_that_task_and_pass_those_two_roles(assembly):
    for spec, schedule in jobs(assembly):
        role = assembly.by_reference(schedule["Target"]["RoleArn"])
        task = definition(assembly, spec)
        held = {
            action: (sorted(statement.resources), statement.conditions)
            for statement in assembly.statements(role)
            for action in statement.actions
            if not action.startswith("kms:")
        }
        cluster = assembly.one("AWS::ECS::Cluster", stack="Ecs")
        assert set(held) == {"ecs:RunTask", "iam:PassRole", "sqs:SendMessage", "ecs:TagResource"}
        assert held["ecs:RunTask"] == ([task.ref], {"ArnEquals": {"ecs:cluster": cluster.att("Arn")}})
        assert held["iam:PassRole"] == (
            sorted([task["TaskRoleArn"], task["ExecutionRoleArn"]]),
            {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        )
        assert held["sqs:SendMessage"] == ([queue(assembly, spec).att("Arn")], {})
        assert held["ecs:TagResource"][1] == {"StringEquals": {"ecs:CreateAction": "RunTask"}}
        assert held["ecs:TagResource"][0][0].endswith(f":task/{assembly.settings.prefix}/*")


def test_only_this_accounts_scheduler_assumes_the_schedulers_role(assembly):
    for _, schedule in jobs(assembly):
        trust = statements(assembly.by_reference(schedule["Target"]["RoleArn"])["AssumeRolePolicyDocument"])
        assert [s.principals for s in trust] == [{"Service": "scheduler.amazonaws.com"}]
        assert "aws:SourceAccount" in trust[0].conditions["StringEquals"]


def test_the_schedule_waits_for_the_permissions_of_its_first_run(assembly):
    for spec, schedule in jobs(assembly):
        role = definition(assembly, spec)["ExecutionRoleArn"].removesuffix(".Arn>") + ">"
        policies = [p for p in assembly.resources("AWS::IAM::Policy", stack=schedule.stack) if role in p["Roles"]]
        assert policies
        assert {policy.id for policy in policies} <= set(schedule.depends_on)


def test_a_run_that_could_not_start_lands_in_the_dead_letter_queue(assembly):
    for spec, schedule in jobs(assembly):
        assert schedule["Target"]["DeadLetterConfig"] == {"Arn": queue(assembly, spec).att("Arn")}
        assert schedule["Target"]["RetryPolicy"]["MaximumEventAgeInSeconds"] <= 3600


def test_a_failed_run_lands_in_the_dead_letter_queue(assembly):
    for spec, _ in jobs(assembly):
        rule = assembly.one("AWS::Events::Rule", stack=f"Ecs-{spec.name}")
        pattern: dict[str, Any] = rule["EventPattern"]
        detail = pattern["detail"]
        assert pattern["source"] == ["aws.ecs"]
        assert pattern["detail-type"] == ["ECS Task State Change"]
        assert detail["group"] == [f"family:{assembly.settings.prefix}-{spec.name}"]
        assert detail["clusterArn"] == [assembly.one("AWS::ECS::Cluster", stack="Ecs").att("Arn")]
        assert detail["lastStatus"] == ["STOPPED"]
        failed = 0 if not spec.sidecars else [0, 137, 143]  # a sidecar is stopped at the end of every run
        assert {"containers": {"exitCode": [{"anything-but": failed}]}} in detail["$or"]
        out_of_memory = {"containers": {"reason": [{"prefix": "OutOfMemory"}]}}
        assert (out_of_memory in detail["$or"]) is bool(spec.sidecars)
        assert any("TaskFailedToStart" in reason.get("stopCode", []) for reason in detail["$or"])
        assert [target["Arn"] for target in rule["Targets"]] == [queue(assembly, spec).att("Arn")]


def test_events_may_write_to_the_queue(assembly):
    for spec, _ in jobs(assembly):
        policy = assembly.one("AWS::SQS::QueuePolicy", stack=f"Ecs-{spec.name}")
        allowed = [s for s in statements(policy["PolicyDocument"]) if s.effect == "Allow"]
        rule = assembly.one("AWS::Events::Rule", stack=f"Ecs-{spec.name}").att("Arn")
        assert [s.principals for s in allowed] == [{"Service": "events.amazonaws.com"}]
        assert "sqs:SendMessage" in allowed[0].actions
        assert rule in str(allowed[0].conditions) or "aws:SourceAccount" in str(allowed[0].conditions)


def test_one_failure_is_enough_for_an_alarm(assembly):
    for spec, _ in jobs(assembly):
        alarms = {
            alarm["AlarmName"].rsplit("-", 1)[-1]: alarm
            for alarm in assembly.resources("AWS::CloudWatch::Alarm", stack=f"Ecs-{spec.name}")
        }
        failures = alarms["failures"]
        name = queue(assembly, spec).att("QueueName")
        assert failures["Dimensions"] == [{"Name": "QueueName", "Value": name}]
        assert failures["MetricName"] == "ApproximateNumberOfMessagesVisible"
        assert (failures["ComparisonOperator"], failures["Threshold"]) == ("GreaterThanThreshold", 0)
        assert alarms["age"]["MetricName"] == "ApproximateAgeOfOldestMessage"


def test_with_a_key_the_scheduler_can_write_to_the_dead_letter_queue(assembly):
    for _, schedule in jobs(assembly):
        held = assembly.statements(assembly.by_reference(schedule["Target"]["RoleArn"]))
        uses = {str(s.conditions).split("'")[-2].split(".")[0] for s in held if any("kms:" in a for a in s.actions)}
        assert uses == ({"sqs"} if assembly.settings.customer_managed_key else set())
