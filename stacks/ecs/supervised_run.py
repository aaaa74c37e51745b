"""A run of a job that is ended after a time, or tried again: a state machine that starts the task and waits for its end.

EventBridge Scheduler only starts tasks; its retries are for starts that AWS refuses.
https://docs.aws.amazon.com/step-functions/latest/dg/connect-ecs.html
"""

from __future__ import annotations

from typing import Any

from aws_cdk import Aws, aws_events, aws_iam, aws_stepfunctions
from constructs import Construct

from config.service import Job
from stacks.acknowledgements import acknowledge
from stacks.base import stack_of
from stacks.ecs.standalone_task import findings_on_tasks, run_task, starting_tasks, watching_tasks
from stacks.ecs.workload import EcsWorkload
from stacks.logs import owned_log_group

_CfnStateMachine = aws_stepfunctions.CfnStateMachine

# Seconds before the second attempt; each further pause is twice as long, as for a Job on Kubernetes.
# https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-backoff-failure-policy
_FIRST_PAUSE = 10
# How Step Functions learns that a task has ended. https://docs.aws.amazon.com/step-functions/latest/dg/connect-ecs.html
_EVENTS_RULE = "StepFunctionsGetEventsForECSTaskRule"
_DELIVERY = [
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
]
_TRACING = [
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
]


class SupervisedRun(Construct):
    """The state machine, its role and its log.

    Attributes:
        arn: of the state machine.
        failed: the events of runs that failed, after all attempts.
    """

    def __init__(self, scope: Construct, *, on_ecs: EcsWorkload, spec: Job) -> None:
        super().__init__(scope, "Run")
        log_group = owned_log_group(self, "LogGroup")
        role = self._create_role(on_ecs)
        machine = _CfnStateMachine(
            self,
            "StateMachine",
            role_arn=role.role_arn,
            definition_string=stack_of(self).to_json_string(_definition(on_ecs, spec)),
            logging_configuration=_CfnStateMachine.LoggingConfigurationProperty(
                level="ALL",
                include_execution_data=False,
                destinations=[
                    _CfnStateMachine.LogDestinationProperty(
                        cloud_watch_logs_log_group=_CfnStateMachine.CloudWatchLogsLogGroupProperty(
                            log_group_arn=log_group.log_group_arn
                        )
                    )
                ],
            ),
            tracing_configuration=_CfnStateMachine.TracingConfigurationProperty(enabled=True),
        )
        machine.node.add_dependency(role)  # Step Functions checks at the creation that it may write the log
        self.arn = machine.attr_arn
        # https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
        self.failed = aws_events.EventPattern(
            source=["aws.states"],
            detail_type=["Step Functions Execution Status Change"],
            detail={"stateMachineArn": [self.arn], "status": ["ABORTED", "FAILED", "TIMED_OUT"]},
        )

    def _create_role(self, on_ecs: EcsWorkload) -> aws_iam.Role:
        role = aws_iam.Role(
            self,
            "Role",
            description=f"Runs {on_ecs.name}",
            assumed_by=aws_iam.ServicePrincipal(
                "states.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
            ),
        )
        rule = f"arn:{Aws.PARTITION}:events:{Aws.REGION}:{Aws.ACCOUNT_ID}:rule/{_EVENTS_RULE}"
        for statement in (
            *starting_tasks(on_ecs),
            watching_tasks(on_ecs),
            aws_iam.PolicyStatement(
                actions=["events:DescribeRule", "events:PutRule", "events:PutTargets"], resources=[rule]
            ),
            aws_iam.PolicyStatement(actions=[*_DELIVERY, *_TRACING], resources=["*"]),
        ):
            role.add_to_policy(statement)
        acknowledge(
            role,
            {
                **findings_on_tasks(on_ecs.workload.settings),
                "AwsSolutions-IAM5[Resource::*]": "The calls that deliver a state machine's log, and those of X-Ray, support no "
                "resource (IAM's reference).",
            },
        )
        return role


def _definition(on_ecs: EcsWorkload, spec: Job) -> dict[str, Any]:
    """In Amazon States Language, whose parameters are the API's with a capital letter."""
    attempt: dict[str, Any] = {
        "Type": "Task",
        "Resource": f"arn:{Aws.PARTITION}:states:::ecs:runTask.sync",
        "Parameters": _capitalized(run_task(on_ecs)),
        "End": True,
    }
    if spec.timeout:
        attempt["TimeoutSeconds"] = spec.timeout
    if spec.retries:
        again = {"IntervalSeconds": _FIRST_PAUSE, "BackoffRate": 2, "MaxAttempts": spec.retries}
        attempt["Retry"] = [{"ErrorEquals": ["States.ALL"], **again}]
    return {"StartAt": "Attempt", "States": {"Attempt": attempt}}


def _capitalized(value: Any) -> Any:
    if isinstance(value, dict):
        return {f"{key[0].upper()}{key[1:]}": _capitalized(item) for key, item in value.items()}
    return [_capitalized(item) for item in value] if isinstance(value, list) else value
