"""Fakes of the emulator's AWS: a target with a test's clients, and two services."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

from ops.local.target import Target

ENDPOINT = "http://localhost:4999"  # where nothing listens


class FakeTarget(Target):
    """A target with the given clients, by boto3's name of their service."""

    def __init__(self, endpoint: str = ENDPOINT, **clients: Any) -> None:
        super().__init__(endpoint=endpoint)
        self.__dict__["clients"] = clients

    def client(self, service: str) -> Any:
        return self.__dict__["clients"][service]


class CloudFormation:
    """Stacks by name, each with its resources as (type, physical id); a deleted one is still listed, as on AWS.

    `templates` are of stacks with tags and an ARN; those that the CLI wrote as JSON are read as objects, as boto3 does.
    """

    def __init__(
        self,
        *names: str,
        outputs: dict[tuple[str, str], str] | None = None,
        templates: dict[str, dict[str, Any]] | None = None,
        **resources: Any,
    ) -> None:
        self.templates = templates or {}
        names = (*names, *self.templates)
        self.status = dict.fromkeys([*names, *resources], "CREATE_COMPLETE")
        self.outputs = outputs or {}
        self.resources = resources

    def get_paginator(self, operation: str) -> SimpleNamespace:
        return SimpleNamespace(paginate=self._describe if operation == "describe_stacks" else self._list)

    def delete_stack(self, *, StackName: str) -> None:  # noqa: N803 - boto3's spelling
        self.status[StackName] = "DELETE_COMPLETE"

    def _describe(self) -> list[dict[str, Any]]:
        return [{"Stacks": [self._stack(name) for name in self.status]}]

    def _stack(self, name: str) -> dict[str, Any]:
        outputs = [{"OutputKey": key, "OutputValue": v} for (stack, key), v in self.outputs.items() if stack == name]
        arn = f"arn:aws:cloudformation:eu-central-1:123456789012:stack/{name}/1"
        found = {"StackName": name, "StackStatus": self.status[name], "Outputs": outputs, "StackId": arn}
        return {**found, "Tags": [{"Key": "app", "Value": "quay"}], "EnableTerminationProtection": True}

    def get_template(self, *, StackName: str, TemplateStage: str) -> dict[str, Any]:  # noqa: N803 - boto3's spelling
        assert TemplateStage == "Original"
        return {"TemplateBody": self.templates[StackName]}

    def _list(self, *, StackName: str) -> list[dict[str, Any]]:  # noqa: N803 - boto3's spelling
        if StackName not in self.status:
            raise ClientError({"Error": {"Code": "ValidationError"}}, "ListStackResources")
        listed = [
            {"ResourceType": kind, "PhysicalResourceId": i, "LogicalResourceId": next(iter(logical), "TaskThing")}
            for kind, i, *logical in self.resources.get(StackName, [])
        ]
        return [{"StackResourceSummaries": listed}]


class Ecs:
    """Answers describe_services with one state after the other, the last one forever; `stopped` holds its failed tasks."""

    def __init__(self, *states: dict[str, Any], stopped: Any = (), image: str = "") -> None:
        self.states = list(states)
        self.stopped = list(stopped)
        self.image = image
        self.updates: list[dict[str, Any]] = []
        self.started = 0

    def describe_services(self, **_: Any) -> dict[str, Any]:
        return {"services": [self.states.pop(0) if len(self.states) > 1 else self.states[0]]}

    def describe_task_definition(self, **_: Any) -> dict[str, Any]:
        return {"taskDefinition": {"containerDefinitions": [{"name": "proxy"}, {"name": "web", "image": self.image}]}}

    def list_tasks(self, **asked: Any) -> dict[str, Any]:
        return {"taskArns": ["t"] if asked["desiredStatus"] == "STOPPED" and self.stopped else []}

    def describe_tasks(self, **_: Any) -> dict[str, Any]:
        return {"tasks": self.stopped}

    def update_service(self, **changes: Any) -> None:
        self.updates.append(changes)

    def run_task(self, **_: Any) -> dict[str, Any]:
        self.started += 1
        return {"tasks": [{"taskArn": "t"}]}
