"""A job on ECS: EventBridge Scheduler starts the task; failed starts and failed runs land in one dead-letter queue.

Neither looks after a task that runs, so a job with a timeout or retries is started through a state machine (supervised_run.py).
"""

from __future__ import annotations

from aws_cdk import (
    Aws,
    CfnOutput,
    Duration,
    aws_events,
    aws_events_targets,
    aws_iam,
    aws_scheduler,
    aws_sqs,
)
from constructs import Construct

from config.fields.sidecars import STOPPED_EXIT_CODES
from config.schedule import eventbridge_cron
from config.service import Job
from stacks.acknowledgements import acknowledge
from stacks.alarms import Metric
from stacks.base import stack_of
from stacks.ecs.standalone_task import findings_on_tasks, run_task, starting_tasks
from stacks.ecs.supervised_run import SupervisedRun
from stacks.ecs.task import capacity_weights
from stacks.ecs.workload import EcsWorkload
from stacks.narrow import narrow
from stacks.permissions import allow_key

# Nobody needs a failure that is older than this; SQS keeps messages for 14 days at most.
_KEEP_FAILURES_DAYS = 14
# A failure that has waited this long was overlooked.
_STALE_SECONDS = 24 * 60 * 60


class JobOnEcs(Construct):
    """The schedule, and alarms on the runs that fail."""

    def __init__(self, scope: Construct, construct_id: str, *, on_ecs: EcsWorkload) -> None:
        super().__init__(scope, construct_id)
        self._name = on_ecs.name
        self._alarms = on_ecs.create_alarms(self)
        self._job = ScheduledJob(self, "Job", on_ecs=on_ecs)
        self._watch_failures()

    def _watch_failures(self) -> None:
        self._alarms.above(
            "Failures",
            self._job.queue_metric("ApproximateNumberOfMessagesVisible", seconds=60),
            0,
            periods=1,
            description=f"{self._name} on ECS could not start or failed; the reason is in its dead-letter queue",
        )
        self._alarms.above(
            "Age",
            self._job.queue_metric("ApproximateAgeOfOldestMessage", seconds=300),
            _STALE_SECONDS,
            periods=1,
            description=f"A failure of {self._name} on ECS has been in its dead-letter queue for a day",
        )


class ScheduledJob(Construct):
    """Schedule, its role, and the dead-letter queue."""

    def __init__(self, scope: Construct, construct_id: str, *, on_ecs: EcsWorkload) -> None:
        super().__init__(scope, construct_id)
        self._on_ecs = on_ecs
        self._settings = on_ecs.workload.settings
        self._spec = narrow(on_ecs.workload.spec, Job)
        self._task = on_ecs.task
        self._key = stack_of(self).key
        self._failures = self._create_queue()
        self._machine = SupervisedRun(self, on_ecs=on_ecs, spec=self._spec) if self._spec.supervised else None
        if self._spec.schedule:
            self._create_schedule(self._spec.schedule)
        self._collect_failed_runs()
        CfnOutput(self, "FailuresQueueUrl", value=self._failures.queue_url)
        self._create_run_outputs()

    def _create_run_outputs(self) -> None:
        """What `python -m ops run` needs to start the job and to read what it writes."""
        if self._machine:
            CfnOutput(self, "StateMachineArn", value=self._machine.arn)
        CfnOutput(self, "RunTask", value=stack_of(self).to_json_string(run_task(self._on_ecs)))
        CfnOutput(self, "LogGroupName", value=self._task.log_group_name)

    def queue_metric(self, name: str, *, seconds: int) -> Metric:
        """A metric of the dead-letter queue, over periods of the given length in seconds."""
        dimensions = {"QueueName": self._failures.queue_name}
        return Metric(namespace="AWS/SQS", name=name, dimensions=dimensions, statistic="Maximum", seconds=seconds)

    def _create_queue(self) -> aws_sqs.Queue:
        queue = aws_sqs.Queue(
            self,
            "Failures",
            encryption=aws_sqs.QueueEncryption.KMS if self._key else aws_sqs.QueueEncryption.SQS_MANAGED,
            encryption_master_key=self._key,
            enforce_ssl=True,
            retention_period=Duration.days(_KEEP_FAILURES_DAYS),
        )
        acknowledge(queue, {"AwsSolutions-SQS3": "This is the dead-letter queue."})
        return queue

    def _create_schedule(self, cron: str) -> None:
        spec = self._spec
        properties = aws_scheduler.CfnSchedule
        # No key: the Scheduler would encrypt its target's input with it, and a job has no input.
        schedule = aws_scheduler.CfnSchedule(
            self,
            "Schedule",
            description=spec.description,
            schedule_expression=eventbridge_cron(cron),
            schedule_expression_timezone=spec.timezone,
            flexible_time_window=properties.FlexibleTimeWindowProperty(mode="OFF"),
            target=properties.TargetProperty(
                arn=self._machine.arn if self._machine else self._on_ecs.cluster.cluster.cluster_arn,
                role_arn=self._create_role().role_arn,
                dead_letter_config=properties.DeadLetterConfigProperty(arn=self._failures.queue_arn),
                # A run that could not start within the hour needs a look rather than another try.
                retry_policy=properties.RetryPolicyProperty(
                    maximum_event_age_in_seconds=3600, maximum_retry_attempts=3
                ),
                ecs_parameters=None if self._machine else self._ecs_parameters(),
            ),
        )
        execution_role, _ = self._task.roles
        schedule.node.add_dependency(execution_role)

    def _ecs_parameters(self) -> aws_scheduler.CfnSchedule.EcsParametersProperty:
        schedule = aws_scheduler.CfnSchedule
        return schedule.EcsParametersProperty(
            task_definition_arn=self._task.definition_arn,
            task_count=1,
            propagate_tags="TASK_DEFINITION",
            enable_ecs_managed_tags=True,
            enable_execute_command=self._settings.exec or None,
            capacity_provider_strategy=[
                schedule.CapacityProviderStrategyItemProperty(capacity_provider=provider, weight=weight)
                for provider, weight in capacity_weights(self._settings).items()
            ],
            network_configuration=schedule.NetworkConfigurationProperty(
                awsvpc_configuration=schedule.AwsVpcConfigurationProperty(
                    assign_public_ip="DISABLED",
                    security_groups=[self._on_ecs.security_group_id],
                    subnets=self._on_ecs.cluster.private_subnet_ids,
                )
            ),
        )

    def _create_role(self) -> aws_iam.Role:
        role = aws_iam.Role(
            self,
            "SchedulerRole",
            description=f"Starts {self._spec.name} on its schedule",
            assumed_by=aws_iam.ServicePrincipal(
                "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
            ),
        )
        for statement in self._statements():
            role.add_to_policy(statement)
        if self._key:
            allow_key(role, self._key, ["kms:Decrypt", "kms:GenerateDataKey"], service="sqs")
        if not self._machine:
            acknowledge(role, findings_on_tasks(self._settings))
        return role

    def _statements(self) -> list[aws_iam.PolicyStatement]:
        send = aws_iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[self._failures.queue_arn])
        if self._machine:
            start = aws_iam.PolicyStatement(actions=["states:StartExecution"], resources=[self._machine.arn])
            return [start, send]
        run, passing, tagging = starting_tasks(self._on_ecs)
        return [run, passing, send, tagging]

    def _failed_exits(self) -> list[dict[str, object]]:
        """What of an event shows that a container failed.

        With sidecars, an event has the exit codes of all containers, and a pattern cannot tell whose is whose. At a run's end
        ECS stops the sidecars, by SIGTERM (143) or SIGKILL (137). A container that ran out of memory ends with 137 too, but has
        it as its reason.
        """
        if not self._spec.sidecars:
            return [{"containers": {"exitCode": [{"anything-but": 0}]}}]
        return [
            {"containers": {"exitCode": [{"anything-but": list(STOPPED_EXIT_CODES)}]}},
            {"containers": {"reason": [{"prefix": "OutOfMemory"}]}},
        ]

    def _collect_failed_runs(self) -> None:
        """Sends an event to the dead-letter queue for every run that did not end with exit code 0."""
        aws_events.Rule(
            self,
            "FailedRuns",
            description=f"Runs of {self._spec.name} that ended with anything but 0",
            event_pattern=self._machine.failed if self._machine else self._failed_tasks(),
            targets=[aws_events_targets.SqsQueue(self._failures)],
        )

    def _failed_tasks(self) -> aws_events.EventPattern:
        return aws_events.EventPattern(
            source=["aws.ecs"],
            detail_type=["ECS Task State Change"],
            detail={
                "clusterArn": [self._on_ecs.cluster.cluster.cluster_arn],
                "group": [f"family:{self._settings.prefix}-{self._spec.name}"],
                "lastStatus": ["STOPPED"],
                "$or": [
                    *self._failed_exits(),
                    {"stopCode": ["TaskFailedToStart", "SpotInterruption", "TerminationNotice"]},
                ],
            },
        )
