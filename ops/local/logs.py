"""`make logs`: from the emulator's CloudWatch Logs while it runs, and from the workspace's copy once it does not."""

from __future__ import annotations

import time
from collections.abc import Iterator

from config.names import stack_id, stack_name
from config.settings import Platform, Settings
from ops.errors import OpsError
from ops.local import cloudformation
from ops.local.kept_lines import KeptLines
from ops.local.project import NOT_UP, Project
from ops.local.target import Target
from ops.say import Say

LOG_GROUP = "AWS::Logs::LogGroup"
TASK = "Task"  # what the group of the service's own lines begins with; that of a function of the stack does not
POLL_SECONDS = 1.0


def logs(project: Project, say: Say, *, service: str | None, follow: bool) -> None:
    """Print what the services wrote, each line with its service's name, and which wrote nothing; with `follow`, until Ctrl-C.

    Raises OpsError for a service that is not there, and where nothing is up and nothing was kept.
    """
    up, kept = project.is_up(), KeptLines(project.workspace.service_logs)
    if not up and not kept.services():
        raise OpsError(NOT_UP)
    settings, catalog = project.read()
    names = [spec.name for spec in catalog.on(Platform.ECS)]
    if not up:
        names += [name for name in kept.services() if name not in names]
    if service is not None and service not in names:
        raise OpsError(
            f"SERVICE={service}: there is no such service on ECS; write one of {', '.join(names)}", exit_code=2
        )
    chosen = [service] if service else names
    if up:
        _from_emulator(Events(project.target, settings), chosen, say, follow=follow)
    else:
        say.line("The local deployment is not up. What its services wrote last:")
        for name in chosen:
            _print(name, kept.last(name), chosen, say, nothing=f"{name} wrote nothing")


def _from_emulator(events: Events, chosen: list[str], say: Say, *, follow: bool) -> None:
    for name in chosen:
        _print(name, events.more(name), chosen, say, nothing=f"{name} wrote nothing yet")
    while follow:
        time.sleep(POLL_SECONDS)
        for name in chosen:
            _print(name, events.more(name), chosen, say)


def _print(name: str, lines: list[str], chosen: list[str], say: Say, *, nothing: str = "") -> None:
    width = max(map(len, chosen))
    for line in lines:
        say.line(f"{name.ljust(width)}  {line.rstrip()}")
    if nothing and not lines:
        say.line(nothing)


class Events:
    """The emulator's log events, each read once."""

    def __init__(self, target: Target, settings: Settings) -> None:
        self._target = target
        self._settings = settings
        self._next: dict[str, int] = {}  # by log group: the first timestamp that was not read

    def more(self, service: str) -> list[str]:
        """The service's lines since the last call, in their order."""
        stack = stack_name(self._settings, stack_id(Platform.ECS, service))
        groups = [
            part.get("PhysicalResourceId", "")
            for part in cloudformation.parts(self._target, stack)
            if part["ResourceType"] == LOG_GROUP and part["LogicalResourceId"].startswith(TASK)
        ]
        return [line for group in groups for line in self._of(group)]

    def _of(self, group: str) -> Iterator[str]:
        pages = self._target.logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=self._next.get(group, 0)
        )
        events = sorted((event for page in pages for event in page["events"]), key=lambda event: event["timestamp"])
        for event in events:
            self._next[group] = event["timestamp"] + 1
            yield event["message"]
