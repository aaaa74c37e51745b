"""A worker's queue: what it is, who may use it, what watches it, and how its worker scales by it."""

from __future__ import annotations

import json

import pytest

from config.service import Kind, Worker
from config.settings import Platform
from tests.stacks.templates import Assembly, pairs


def workers(assembly: Assembly) -> list[Worker]:
    """Those whose queue is made for them."""
    found = [s for s in assembly.catalog.services if isinstance(s, Worker) and s.makes_queue]
    assert found
    return found


def existing(assembly: Assembly) -> dict[str, Worker]:
    """Those whose queue somebody else owns, by its name."""
    every = [s for s in assembly.catalog.services if isinstance(s, Worker) and s.queue]
    return {s.queue.existing: s for s in every if s.queue.existing}


def queue(assembly: Assembly, worker: Worker, name: str = "Queue"):
    [found] = [q for q in assembly.resources("AWS::SQS::Queue", stack="State") if q.id[:-8] == f"{name}{worker.name}"]
    return found


def alarm(assembly: Assembly, worker: Worker, name: str):
    wanted = f"{assembly.settings.prefix}-{worker.name}-{name}"
    [found] = [a for a in assembly.resources("AWS::CloudWatch::Alarm") if a["AlarmName"] == wanted]
    return found


def test_a_queue_is_what_the_manifest_says(assembly):
    for worker in workers(assembly):
        made, wanted = queue(assembly, worker), worker.queue
        assert made["VisibilityTimeout"] == wanted.visibility_timeout
        assert made["MessageRetentionPeriod"] == wanted.retention_days * 24 * 3600
        assert made["RedrivePolicy"] == {
            "deadLetterTargetArn": queue(assembly, worker, "DeadLetters").att("Arn"),
            "maxReceiveCount": wanted.tries,
        }
        assert made.get("FifoQueue", False) is wanted.fifo


def test_dead_letters_stay_as_long_as_sqs_keeps_them_and_are_of_the_queues_type(assembly):
    for worker in workers(assembly):
        dead = queue(assembly, worker, "DeadLetters")
        assert dead["MessageRetentionPeriod"] == 14 * 24 * 3600
        assert "RedrivePolicy" not in dead.properties
        assert dead.get("FifoQueue", False) is worker.queue.fifo


def test_every_queue_is_encrypted_and_refuses_plain_http(assembly):
    policies = {policy["Queues"][0]: policy for policy in assembly.resources("AWS::SQS::QueuePolicy")}
    for made in assembly.resources("AWS::SQS::Queue", stack="State"):
        if assembly.settings.customer_managed_key:
            assert assembly.by_reference(made["KmsMasterKeyId"]).type == "AWS::KMS::Key"
        else:
            assert made["SqsManagedSseEnabled"] is True
        [statement] = policies[made.ref]["PolicyDocument"]["Statement"]
        assert (statement["Effect"], statement["Action"]) == ("Deny", "sqs:*")
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_messages_outlive_their_stack_where_the_environment_is_kept(production, sandbox):
    policies = [
        {q.deletion_policy for q in assembly.resources("AWS::SQS::Queue", stack="State")}
        for assembly in (production, sandbox)
    ]
    assert policies == [{"RetainExceptOnCreate"}, {"Delete"}]


def test_no_queue_has_a_fixed_name(assembly):
    """A queue in order or not is another queue, which must fit beside the old one."""
    assert not [q.path for q in assembly.resources("AWS::SQS::Queue") if "QueueName" in q.properties]


def test_only_a_worker_takes_and_only_those_that_declare_it_send(assembly):
    for role in assembly.roles():
        platform, _, name = role.stack.partition("-")
        if platform not in ("Ecs", "Eks") or not name or role.id.startswith("JobScheduler"):
            continue
        spec = assembly.catalog.service(name)
        by_manifest = {
            (a, r.rpartition(":")[2]) for right in spec.rights for a in right.actions for r in right.resources
        }
        allowed: dict[str, set[str]] = {}
        for statement in assembly.statements(role):
            for action in (a for a in statement.actions if a.startswith("sqs:")):
                for resource in statement.resources:
                    if (action, resource.rpartition(":")[2]) in by_manifest:
                        continue
                    allowed.setdefault(_worker_of(assembly, resource), set()).add(action)
        wanted = {receiver: {"sqs:SendMessage"} for receiver in spec.sends}
        if isinstance(spec, Worker) and spec.queue:
            taking = {"ChangeMessageVisibility", "DeleteMessage", "GetQueueAttributes", "ReceiveMessage"}
            wanted[name] = {f"sqs:{action}" for action in taking}
        assert allowed == (wanted if role.id.startswith(("TaskDefinitionTaskRole", "Role")) else {}), role.path


def _worker_of(assembly: Assembly, arn: str) -> str:
    owner, _, name = arn.rpartition(":")
    if name in existing(assembly):
        assert owner == "arn:<AWS::Partition>:sqs:<AWS::Region>:<AWS::AccountId>"
        return existing(assembly)[name].name
    reference = name.removesuffix(".QueueName>") + ">"
    return assembly.by_reference(reference).id[:-8].removeprefix("Queue")


def test_nothing_is_made_of_a_queue_that_somebody_else_owns_but_an_alarm_on_what_waits(corners):
    assert set(existing(corners)) == {"orders-prod.fifo", "returns-prod"}
    for name, worker in existing(corners).items():
        made = [r for r in corners.resources() if r.stack == "State" and worker.name in r.path]
        assert [r.type for r in made] == ["AWS::CloudWatch::Alarm"] * worker.alarms.wanted
        for found in made:
            assert found["AlarmName"] == f"{corners.settings.prefix}-{worker.name}-backlog"
            assert (found["MetricName"], found["Threshold"]) == (
                "ApproximateAgeOfOldestMessage",
                worker.alarms.backlog_age,
            )
            assert pairs(found["Dimensions"], "Name", "Value") == {"QueueName": name}


def test_an_existing_queues_key_is_used_through_sqs_alone_by_its_worker_and_those_that_send_to_it(corners):
    key = corners.catalog.service("hauler").queue.kms_key
    users = {
        (role.stack, tuple(statement.actions), json.dumps(statement.conditions))
        for role in corners.roles()
        for statement in corners.statements(role)
        if key in statement.resources
    }
    via = json.dumps({"StringEquals": {"kms:ViaService": ["sqs.<AWS::Region>.amazonaws.com"]}})
    assert users == {
        ("Ecs-hauler", ("kms:Decrypt",), via),
        ("Eks-hauler", ("kms:Decrypt",), via),
        ("Ecs-winch", ("kms:Decrypt", "kms:GenerateDataKey"), via),
    }


def test_a_queue_has_its_alarms_once_not_once_a_platform(assembly):
    for worker in workers(assembly):
        backlog, dead = alarm(assembly, worker, "backlog"), alarm(assembly, worker, "deadletters")
        assert (backlog["MetricName"], backlog["Threshold"]) == (
            "ApproximateAgeOfOldestMessage",
            worker.alarms.backlog_age,
        )
        assert (dead["MetricName"], dead["Threshold"]) == ("ApproximateNumberOfMessagesVisible", 0)
        for found, name in ((backlog, "Queue"), (dead, "DeadLetters")):
            watched = queue(assembly, worker, name)
            assert found["Namespace"] == "AWS/SQS"
            assert pairs(found["Dimensions"], "Name", "Value") == {"QueueName": watched.att("QueueName")}
            assert found["ComparisonOperator"] == "GreaterThanThreshold"
            assert assembly.by_reference(found["AlarmActions"][0]).type == "AWS::SNS::Topic"
    watched = sum(worker.watches_existing_queue for worker in existing(assembly).values())
    assert len(assembly.resources("AWS::CloudWatch::Alarm", stack="State")) == 2 * len(workers(assembly)) + watched


def test_a_worker_scales_by_the_messages_that_wait_per_running_task(corners):
    sorter = corners.catalog.service("sorter")
    policies = corners.resources("AWS::ApplicationAutoScaling::ScalingPolicy", stack=f"Ecs-{sorter.name}")
    by_name = {p["PolicyName"]: p["TargetTrackingScalingPolicyConfiguration"] for p in policies}
    assert set(by_name) == {"ScaleOnCpu", "ScaleOnBacklog"}
    backlog = by_name["ScaleOnBacklog"]
    assert backlog["TargetValue"] == sorter.scaling.backlog_target
    result, waiting, tasks = backlog["CustomizedMetricSpecification"]["Metrics"]
    assert (result["Expression"], result["ReturnData"]) == ("waiting / tasks", True)
    assert (waiting["Id"], waiting["ReturnData"], tasks["Id"], tasks["ReturnData"]) == (
        "waiting",
        False,
        "tasks",
        False,
    )
    metric = waiting["MetricStat"]["Metric"]
    assert (metric["Namespace"], metric["MetricName"]) == ("AWS/SQS", "ApproximateNumberOfMessagesVisible")
    assert pairs(metric["Dimensions"], "Name", "Value") == {"QueueName": queue(corners, sorter).att("QueueName")}
    # One sample a minute and task, whether or not the environment has Container Insights.
    assert tasks["MetricStat"]["Stat"] == "SampleCount"
    running = next(
        a for a in corners.resources("AWS::CloudWatch::Alarm") if a["AlarmName"].endswith("ecs-sorter-running")
    )
    assert tasks["MetricStat"]["Metric"]["MetricName"] == running["MetricName"]
    assert tasks["MetricStat"]["Metric"]["Dimensions"] == running["Dimensions"]


def test_a_worker_scales_by_a_queue_that_somebody_else_owns_by_its_name(corners):
    policy = corners.one("AWS::ApplicationAutoScaling::ScalingPolicy", stack="Ecs-winch")
    queries = policy["TargetTrackingScalingPolicyConfiguration"]["CustomizedMetricSpecification"]["Metrics"]
    [waiting] = [query["MetricStat"]["Metric"] for query in queries if query["Id"] == "waiting"]
    assert pairs(waiting["Dimensions"], "Name", "Value") == {"QueueName": "returns-prod"}


def test_a_queue_that_becomes_another_one_changes_the_stacks_that_use_it(corners):
    """Weak references would leave their templates as they are, and the CLI would skip them."""
    noted = {
        name: template["Metadata"]["FifoQueues"]
        for name, template in corners.templates.items()
        if "FifoQueues" in template.get("Metadata", {})
    }
    senders = ("Ecs-hauler", "Eks-hauler", "Ecs-taker", "Eks-taker")
    assert noted == {stack: ["sorter"] for stack in (*senders, "Ecs-sorter")}


def test_a_queue_opens_no_network_path(corners):
    for platform in Platform:
        for spec in corners.services(platform, Kind.WORKER):
            if platform is Platform.EKS and spec.queues:
                policy = corners.object(f"Eks-{spec.name}", "NetworkPolicy")["spec"]
                assert "ingress" not in policy
                assert "podSelector" not in json.dumps(policy["egress"])
    assert not [r.path for r in corners.resources("AWS::EC2::SecurityGroupIngress", stack="Ecs-sorter")]


@pytest.mark.parametrize("variant", ["production-bare"])
def test_without_tables_and_queues_there_is_no_state_and_no_queue(synthesis, variant):
    bare = synthesis.assembly(variant)
    assert "State" not in bare.stacks
    assert "_QUEUE_URL" not in "".join(bare.text(name) for name in bare.stacks)
