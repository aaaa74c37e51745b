"""What the walk runs against: a real account, or the emulator on this machine as far as that goes."""

from __future__ import annotations

import os
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.catalog import Catalog, load_catalog
from config.names import stack_id, stack_name
from config.service import HttpService, Job
from config.settings import Platform, Settings, load_settings, overrides_from_context
from tests.e2e.local import Local, Run

DEPLOYMENT_SECONDS = 5400  # generous: an EKS cluster, its add-ons, and a rollback of both


@dataclass
class Deployment(ABC):
    """A copy of the project, deployed under a name of its own.

    Attributes:
        folder: the copy.
        environment: the name of the environment.
        overrides: settings that differ from the environment's file.
        lacks: what this kind of deployment cannot show, with the reason.
    """

    folder: Path
    environment: str
    overrides: dict[str, str] = field(default_factory=dict)
    lacks: Mapping[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        return load_settings(self.folder, self.environment, overrides_from_context(dict(self.overrides)))

    @property
    def catalog(self) -> Catalog:
        return load_catalog(self.folder, self.settings)

    @abstractmethod
    def deploy(self, *stacks: str) -> Run:
        """Deploy these stacks, or all."""

    @abstractmethod
    def destroy(self) -> Run:
        """Destroy every stack."""

    @abstractmethod
    def client(self, service: str) -> Any:
        """A boto3 client."""

    @abstractmethod
    def addresses(self) -> dict[str, str]:
        """The address of each http service on each platform that can be reached, by e.g. `Ecs-web`."""

    def health_addresses(self) -> dict[str, str]:
        """As `addresses`, but of the path that the load balancer's health check asks for."""
        paths = {
            stack_id(platform, spec.name): spec.health.path
            for platform in Platform
            for spec in self.http_services(platform)
        }
        return {stack: f"{url.removesuffix('/')}{paths[stack]}" for stack, url in self.addresses().items()}

    @abstractmethod
    def leftovers(self) -> list[str]:
        """What still exists after `destroy`."""

    @abstractmethod
    def assembly(self) -> Path:
        """The output of the last synth."""

    def edit(self, path: str, change: Callable[[str], str]) -> None:
        """Change a file of the copy; fails if that changes nothing."""
        file = self.folder / path
        before = file.read_text(encoding="utf-8")
        after = change(before)
        assert after != before, f"{path}: nothing to change; has the sample service moved on?"
        file.write_text(after, encoding="utf-8")

    # --- ECS, the same on both ---

    def http_services(self, platform: Platform) -> list[HttpService]:
        return [spec for spec in self.catalog.on(platform) if isinstance(spec, HttpService)]

    def jobs(self) -> list[Job]:
        return [spec for spec in self.catalog.on(Platform.ECS) if isinstance(spec, Job)]

    def resource(self, service: str, kind: str) -> str:
        """Physical id of the only resource of a type in a service's stack on ECS."""
        stack = stack_name(self.settings, stack_id(Platform.ECS, service))
        pages = self.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
        [found] = [
            entry["PhysicalResourceId"]
            for page in pages
            for entry in page["StackResourceSummaries"]
            if entry["ResourceType"] == kind
        ]
        return str(found)

    def ecs_service(self, service: str) -> dict[str, Any]:
        """ECS's description of a service."""
        arn = self.resource(service, "AWS::ECS::Service")
        [found] = self.client("ecs").describe_services(cluster=self.settings.prefix, services=[arn])["services"]
        return found  # type: ignore[no-any-return]

    def tasks(self, service: str) -> list[dict[str, Any]]:
        """ECS's descriptions of a service's running tasks."""
        ecs, name = self.client("ecs"), self.ecs_service(service)["serviceName"]
        arns = ecs.list_tasks(cluster=self.settings.prefix, serviceName=name, desiredStatus="RUNNING")["taskArns"]
        return ecs.describe_tasks(cluster=self.settings.prefix, tasks=arns)["tasks"] if arns else []


@dataclass
class OnAws(Deployment):
    """The account and region of the caller's credentials."""

    def deploy(self, *stacks: str) -> Run:
        options = ("--require-approval", "never", "--concurrency", "6", "--outputs-file", "outputs.json")
        return self._cdk("deploy", *(stacks or ("--all",)), *options)

    def destroy(self) -> Run:
        return self._cdk("destroy", "--all", "--force")

    def client(self, service: str) -> Any:
        import boto3

        return boto3.client(service)  # type: ignore[call-overload]

    def addresses(self) -> dict[str, str]:
        platforms = self.settings.platforms
        stacks = [stack_id(platform, spec.name) for platform in platforms for spec in self.http_services(platform)]
        return {stack: self._output(stack, "Url") for stack in stacks}

    def leftovers(self) -> list[str]:
        """By tag, and the log groups that services create under our names without a tag."""
        wanted = {"app": self.settings.app, "environment": self.settings.environment}
        filters = [{"Key": key, "Values": [value]} for key, value in wanted.items()]
        pages = self.client("resourcegroupstaggingapi").get_paginator("get_resources").paginate(TagFilters=filters)
        tagged = [entry["ResourceARN"] for page in pages for entry in page["ResourceTagMappingList"]]
        groups = self.client("logs").get_paginator("describe_log_groups").paginate()
        named = [entry["logGroupName"] for page in groups for entry in page["logGroups"]]
        # A key is deleted 7 days or more after its stack; nothing can be done about it before.
        keys = [arn for arn in tagged if ":kms:" in arn and self._is_going(arn)]
        return sorted({*tagged, *(name for name in named if self.settings.prefix in name)} - set(keys))

    def assembly(self) -> Path:
        return self.folder / "cdk.out"

    def _is_going(self, key: str) -> bool:
        return bool(self.client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion")

    def _output(self, stack: str, key: str) -> str:
        name = stack_name(self.settings, stack)
        [found] = self.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        return str({output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}[key])

    def _cdk(self, *arguments: str) -> Run:
        context = {"env": self.environment, **self.overrides}
        options = [part for key, value in context.items() for part in ("-c", f"{key}={value}")]
        node = Path(sys.executable).with_name("node")
        done = subprocess.run(
            [str(node), str(self.folder / "node_modules/aws-cdk/bin/cdk"), *arguments, *options],
            cwd=self.folder,
            check=False,
            capture_output=True,
            text=True,
            timeout=DEPLOYMENT_SECONDS,
            env={**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ['PATH']}", "CI": "true"},
        )
        return Run(done.returncode, done.stdout, done.stderr)


@dataclass
class OnEmulator(Deployment):
    """`make up` on a copy; the emulator is started by the first deployment and stopped by `destroy`."""

    local: Local = field(kw_only=True)

    def deploy(self, *stacks: str) -> Run:
        return self.local.ops("up", "--env", self.environment)

    def destroy(self) -> Run:
        return self.local.ops("down", "--env", self.environment)

    def client(self, service: str) -> Any:
        return self.local.target.client(service)

    def addresses(self) -> dict[str, str]:
        services = self.http_services(Platform.ECS)
        return {stack_id(Platform.ECS, spec.name): self.local.url(spec.path) for spec in services}

    def leftovers(self) -> list[str]:
        from ops.local.emulator import leftovers, port_taken

        found = leftovers(self.local.target, self.local.engine)
        left = [f"{kind} {name}" for kind, names in found.items() for name in names]
        return [*left, *(["the emulator"] if port_taken(self.local.target) else [])]

    def assembly(self) -> Path:
        return self.folder / ".local" / "cdk.out"


LACKS = {
    "kubernetes": "the emulator's EKS cluster is a record without nodes",
    "alarms": "the emulator evaluates no alarms during a deployment",
    "zones": "the emulator places every task on this machine",
    "spot": "the emulator knows no capacity providers for tasks",
}
"""What the emulator cannot show of the walk, and why."""
