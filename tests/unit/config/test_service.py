"""Every rule of one manifest, with valid and invalid cases, and the values derived from it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.fields.keys import KEY_EXAMPLE
from config.routing import priority_band
from config.service import KINDS, HttpService, Job, Kind, Worker, env_name, manifest_fields, meaning_of
from config.service_rules import ELSEWHERE
from config.settings import Platform
from tests.unit.config.project import HTTP, JOB, ROOT, WORKER, Project, http, without

FILE = "services/tracking/service.yaml"
ECS_ONLY = {"platforms": ["ecs"]}
KMS_KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def changed(base: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**base, **changes}


WRONG: list[tuple[dict[str, Any], str]] = [
    # kinds
    (without(HTTP, "kind"), "kind: is missing; write it, e.g. kind: http"),
    (changed(HTTP, kind="web"), "kind: is 'web'; write one of http, worker, job"),
    (changed(HTTP, kind="htp"), "kind: is 'htp'; write http (one of http, worker, job)"),
    (without(HTTP, "port"), "port: is missing, and kind http needs it; write it, e.g. port: 8080"),
    (without(HTTP, "health"), "health: is missing, and kind http needs it; write it, e.g. health: /healthz"),
    (
        changed(without(JOB, "schedule"), timezone="Europe/Paris"),
        "timezone: means nothing without a schedule; remove it, or add a schedule",
    ),
    (changed(JOB, timeout=5), "timeout: is 5, out of range; write a whole number from 10 to 604800"),
    (changed(JOB, retries=11), "retries: is 11, out of range; write a whole number from 0 to 10"),
    (changed(WORKER, retries=1), "retries: means nothing for kind worker; remove it; job services have it"),
    *(
        (
            changed(base, **{field: value}),
            f"{field}: means nothing for kind {base['kind']}; remove it; http services have it",
        )
        for base in (WORKER, JOB)
        for field, value in [("port", 8080), ("internal", True), ("path", "/x"), ("health_grace", 60), ("priority", 5)]
    ),
    # ECS takes no notice of a task by itself that is unhealthy; a job is judged by its end.
    (
        changed(JOB, health={"command": ["x"]}),
        "health: means nothing for kind job; remove it; http and worker services have it",
    ),
    (
        changed(JOB, scaling={"min": 2, "max": 2}),
        "scaling: means nothing for kind job; remove it; http and worker services have it",
    ),
    (changed(HTTP, schedule="* * * * *"), "schedule: means nothing for kind http; remove it; job services have it"),
    (changed(WORKER, timezone="Etc/UTC"), "timezone: means nothing for kind worker; remove it; job services have it"),
    # plain fields
    (changed(HTTP, name="tracking"), "name: is not a key: the folder's name is the service's name; remove this line"),
    (changed(HTTP, folder="x"), "folder: is not a key: "),
    (changed(HTTP, helth="/x"), "helth: is unknown; did you mean health?"),
    (
        changed(HTTP, zzz=2),
        "zzz: is unknown; remove it or use one of alarms, before_deploy, bucket, build, call_timeout, calls",
    ),
    *(
        (changed(base, **{key: "x"}), f"{key}: {problem}; {remedy}")
        for base in (HTTP, WORKER, JOB)
        for key, (problem, remedy) in ELSEWHERE.items()
    ),
    (changed(HTTP, containers=[]), "containers: is not a key here; write sidecars: {proxy: {image: NAME:TAG, "),
    (changed(HTTP, replicas=2), "replicas: is not a key here; write scaling: {min: 2, max: 2}"),
    (changed(WORKER, workdir="x"), "workdir: is not a key here; set it in the Dockerfile"),
    (changed(WORKER, dockerfile="x"), "dockerfile: is not a key here; write it under build"),
    (
        changed(HTTP, description="{{resolve:ssm:/x}}"),
        "description: contains {{resolve:, which CloudFormation would replace",
    ),
    (without(HTTP, "description"), "description: is missing; write it, e.g. description: Tracks shipments"),
    (changed(HTTP, description=""), "description: is empty; write one line of text"),
    (changed(HTTP, description="  "), "description: is '  ', which is not valid; write one line of text"),
    (changed(HTTP, description="a\nb"), "description: is 'a\\nb', which is not valid; write one line of text"),
    (changed(HTTP, description="x" * 201), "description: has 201 characters, more than 200; "),
    (changed(HTTP, description=5), 'description: is 5, not text; put it in quotes: "5"'),
    (changed(HTTP, platforms=[]), "platforms: is an empty list; list at least one, or remove the line"),
    (changed(HTTP, platforms=["lambda"]), "platforms[0]: is 'lambda'; write one of ecs, eks"),
    (changed(HTTP, platforms=["ecs", "ecs"]), "platforms: lists 'ecs' twice; list each once"),
    (without(HTTP, "cpu"), "cpu: is missing; write it, e.g. cpu: 256"),
    (without(HTTP, "memory"), "memory: is missing; write it, e.g. memory: 512"),
    (changed(HTTP, cpu="256"), "cpu: is '256', not a whole number; write a whole number, e.g. cpu: 256"),
    (changed(HTTP, cpu=0.25), "cpu: is '0.25', not a whole number; "),
    (changed(HTTP, cpu=True), "cpu: is true, not a whole number; "),
    (changed(HTTP, cpu=32), "cpu: is 32, out of range; write a whole number from 64 to 16384"),
    (changed(HTTP, memory=200000), "memory: is 200000, out of range; write a whole number from 64 to 122880"),
    (changed(HTTP, port=80), "port: is 80, out of range; write a whole number from 1024 to 65535"),
    (changed(HTTP, port=70000), "port: is 70000, out of range; "),
    (changed(HTTP, port="8080"), "port: is '8080', not a whole number; write a whole number, e.g. port: 8080"),
    (
        changed(HTTP, path="tracking"),
        "path: is 'tracking', which is not valid; write / or lower-case segments without a / at the end",
    ),
    (changed(HTTP, path="/tracking/"), "path: is '/tracking/', which is not valid; "),
    (changed(HTTP, path="/a//b"), "path: is '/a//b', which is not valid; "),
    (changed(HTTP, path="/Tracking"), "path: is '/Tracking', which is not valid; "),
    (changed(HTTP, path="/a*"), "path: is '/a*', which is not valid; "),
    (changed(HTTP, path="/" + "a" * 126), "path: has 127 characters, more than 126; "),
    (
        changed(HTTP, health="healthz"),
        "health: is 'healthz', which is not valid; write a path that begins with /, e.g. /healthz",
    ),
    (changed(HTTP, health="/h?x=1"), "health: is '/h?x=1', which is not valid; "),
    (changed(HTTP, health=5), "health: is 5, not a mapping; write a mapping, e.g. health: /healthz"),
    (changed(HTTP, health={}), "health.path: is missing; write it, e.g. path: /healthz"),
    (
        changed(HTTP, health={"path": "healthz"}),
        "health.path: is 'healthz', which is not valid; write a path that begins with /, e.g. /healthz",
    ),
    (changed(HTTP, health={"path": "/h", "codes": 200}), 'health.codes: is 200, not text; put it in quotes: "200"'),
    (
        changed(HTTP, health={"path": "/h", "codes": "200-"}, **ECS_ONLY),
        "health.codes: is '200-', which is not valid; write codes from 200 to 499, or ranges of them, with commas",
    ),
    (
        changed(HTTP, health={"path": "/h", "codes": "200"}),
        "health.codes: is 200, and on eks a kubelet counts 200-399, which cannot be changed; set platforms: [ecs], or remove",
    ),
    (
        changed(HTTP, health={"path": "/h", "liveness": "/l"}),
        "health.liveness: cannot be told apart on ecs, which replaces a task that fails the load balancer's check; "
        "set platforms: [eks], or remove it",
    ),
    (changed(HTTP, health={"path": "/h", "interval": 4}), "health.interval: is 4, out of range; write a whole number"),
    (
        changed(HTTP, health={"path": "/h", "interval": 5, "timeout": 5}),
        "health.timeout: is 5, not less than the interval (5); write 4",
    ),
    (
        changed(HTTP, health={"path": "/h", "timeout": 10}),
        "health.timeout: is 10, not less than the interval (10); write 9",
    ),
    (changed(HTTP, health={"path": "/h", "command": ["x"]}), "health.command: is unknown; "),
    (
        changed(WORKER, health="/healthz"),
        "health: is '/healthz', not a mapping; write a mapping, e.g. health: {command: [python3, ",
    ),
    (
        changed(WORKER, health={"command": ["x"], "retries": 0}),
        "health.retries: is 0, out of range; write a whole number",
    ),
    (changed(HTTP, health_grace=0), "health_grace: is 0, out of range; write a whole number from 1 to 1800"),
    (changed(HTTP, priority=0), "priority: is 0, out of range; write a whole number from 1 to 49999"),
    (changed(HTTP, priority=50000), "priority: is 50000, out of range; "),
    (
        changed(HTTP, path="/", priority=5),
        "priority: cannot be set for path /, which is always tried last; remove it",
    ),
    (changed(HTTP, stop_timeout=121), "stop_timeout: is 121, out of range; write a whole number from 1 to 120"),
    (changed(HTTP, stop_timeout=0), "stop_timeout: is 0, out of range; "),
    (changed(HTTP, stop_timeout=1), "stop_timeout: is 1, which leaves no time to drain; write 2 or more"),
    # scaling
    (changed(HTTP, scaling={"min": 0}), "scaling.min: is 0, out of range; write a whole number from 1 to 1000"),
    (changed(HTTP, scaling={"min": 3}), "scaling.max: is 1, less than min (3); write 3 or more"),
    (changed(HTTP, scaling={"max": 3}), "scaling: can scale but has no target to scale by; add cpu_target: 60"),
    (
        changed(HTTP, scaling={"max": 3, "cpu_target": 95}),
        "scaling.cpu_target: is 95, out of range; write a whole number from 10 to 90",
    ),
    (
        changed(HTTP, scaling={"max": 3, "memory_target": 5}),
        "scaling.memory_target: is 5, out of range; write a whole number from 10 to 90",
    ),
    (
        changed(HTTP, scaling={"cooldowns": {"down": 60}}),
        "scaling.cooldowns: have nothing to wait for: nothing scales; remove them, or raise max",
    ),
    (
        changed(HTTP, scaling={"max": 3, "cpu_target": 60, "cooldowns": {"in": 60}}),
        "scaling.cooldowns.in: is not a key here; write down",
    ),
    (
        changed(HTTP, scaling={"max": 3, "cpu_target": 60, "cooldowns": {"up": 3601}}),
        "scaling.cooldowns.up: is 3601, out of range; write a whole number from 0 to 3600",
    ),
    (
        changed(HTTP, scaling={"timezone": "Etc/UTC"}),
        "scaling.timezone: is the schedule's, and there is none; remove it",
    ),
    (
        changed(HTTP, scaling={"schedule": [{"cron": "0 8 * * *", "min": 1, "max": 1}], "timezone": "Berlin"}),
        "scaling.timezone: is 'Berlin', not a time zone; write ",
    ),
    (changed(HTTP, scaling={"schedule": []}), "scaling.schedule: is an empty list; list at least one"),
    (
        changed(HTTP, scaling={"schedule": [{"cron": "8 Uhr", "min": 1, "max": 1}]}),
        "scaling.schedule[0].cron: has 2 fields; write five: minute hour day-of-month month day-of-week",
    ),
    (changed(HTTP, scaling={"schedule": [{"cron": "0 8 * * *", "min": 1}]}), "scaling.schedule[0].max: is missing; "),
    (
        changed(HTTP, scaling={"schedule": [{"cron": "0 8 * * *", "min": 2, "max": 1}]}),
        "scaling.schedule[0].max: is 1, less than min (2); write 2 or more",
    ),
    (
        changed(HTTP, scaling={"schedule": [{"cron": "0 8 * * *", "min": 0, "max": 4}]}),
        "scaling: can scale but has no target to scale by; add cpu_target: 60",
    ),
    (
        changed(HTTP, scaling={"schedule": [{"cron": "0 20 * * *", "min": 0, "max": 0}]}),
        "scaling.schedule: cannot be had on eks, where this service also runs; set platforms: [ecs], or remove it",
    ),
    (changed(HTTP, scaling={"max": 3, "requests_target": 0}), "scaling.requests_target: is 0, out of range; "),
    (changed(HTTP, scaling={"maximum": 3}), "scaling.maximum: is unknown; did you mean max?"),
    (
        changed(HTTP, scaling=3),
        "scaling: is 3, not a mapping; write a mapping, e.g. scaling: {min: 2, max: 6, cpu_target: 60}",
    ),
    (
        changed(WORKER, scaling={"max": 2, "requests_target": 5}),
        "scaling.requests_target: means nothing for kind worker; use cpu_target",
    ),
    (
        changed(HTTP, scaling={"max": 2, "requests_target": 5}),
        "scaling.requests_target: cannot be measured on eks, where this service also runs; set platforms: [ecs], or use",
    ),
    (
        changed(HTTP, scaling={"max": 2, "backlog_target": 5}),
        "scaling.backlog_target: means nothing for kind http; use cpu_target",
    ),
    (
        changed(WORKER, scaling={"max": 2, "backlog_target": 5}),
        "scaling.backlog_target: needs a queue to measure; add queue: {}, or use cpu_target",
    ),
    (
        changed(WORKER, queue={}, scaling={"max": 2, "backlog_target": 5}),
        "scaling.backlog_target: cannot be measured on eks, where this service also runs; set platforms: [ecs], or use",
    ),
    (
        changed(WORKER, queue={}, scaling={"max": 2, "backlog_target": 0}),
        "scaling.backlog_target: is 0, out of range; ",
    ),
    (
        changed(WORKER, queue={}, scaling={"max": 2}),
        "scaling: can scale but has no target to scale by; add cpu_target: 60",
    ),
    (
        changed(WORKER, queue={}, scaling={"min": 0}),
        "scaling.min: is 0, out of range; write a whole number from 1 to 1000",
    ),
    # queue
    *(
        (changed(base, queue={}), f"queue: means nothing for kind {base['kind']}; remove it; worker services have it")
        for base in (HTTP, JOB)
    ),
    (changed(WORKER, queue="orders"), "queue: is 'orders', not a mapping; write a mapping, e.g. queue: {tries: 5}"),
    (changed(WORKER, queue={"retries": 3}), "queue.retries: is unknown; did you mean tries?"),
    (changed(WORKER, queue={"tries": 0}), "queue.tries: is 0, out of range; write a whole number from 1 to 1000"),
    (changed(WORKER, queue={"visibility_timeout": 43201}), "queue.visibility_timeout: is 43201, out of range; "),
    (
        changed(WORKER, queue={"retention_days": 15}),
        "queue.retention_days: is 15, out of range; write a whole number from 1",
    ),
    (changed(WORKER, queue={"fifo": "no"}), "queue.fifo: is 'no', not true or false; "),
    (
        changed(WORKER, queue={"existing": "orders.prod"}),
        "queue.existing: is 'orders.prod', which is not valid; write a queue's name, e.g. orders-prod",
    ),
    (
        changed(WORKER, queue={"existing": "o" * 81}),
        "queue.existing: has 81 characters, more than 80; write a queue's name",
    ),
    *(
        (
            changed(WORKER, queue={"existing": "orders-prod", field: value}),
            f"queue.{field}: cannot be set on a queue that somebody else owns; remove it, and set it where the queue is made",
        )
        for field, value in (("visibility_timeout", 60), ("retention_days", 4), ("tries", 5))
    ),
    (
        changed(WORKER, queue={"existing": "orders-prod", "fifo": True}),
        "queue.fifo: cannot be set on a queue that somebody else owns; remove it; the name of a queue in order ends in .fifo",
    ),
    (
        changed(WORKER, queue={"kms_key": KEY_EXAMPLE}),
        "queue.kms_key: is for existing queues; others are under the environment's key; remove it",
    ),
    (
        changed(WORKER, queue={"existing": "orders-prod", "kms_key": "alias/orders"}),
        "queue.kms_key: is 'alias/orders', which is not valid; write a key's own ARN, e.g. arn:aws:kms:",
    ),
    (
        changed(WORKER, alarms={"backlog_age": 60}),
        "alarms.backlog_age: is of the worker's queue, and it has none; add queue: {}, or remove it",
    ),
    (changed(WORKER, queue={}, alarms={"backlog_age": 5}), "alarms.backlog_age: is 5, out of range; "),
    (changed(WORKER, queue={}, alarms={"errors_percent": 5}), "alarms.errors_percent: means nothing for this kind; "),
    (changed(JOB, alarms={"backlog_age": 60}), "alarms.backlog_age: means nothing for this kind; remove it"),
    *(
        row
        for base in (HTTP, WORKER, JOB)
        for row in [
            (changed(base, alarms="off"), "alarms: is 'off', not a mapping; write a mapping, e.g. alarms: "),
            (changed(base, alarms={"off": True}), "alarms.off: is unknown; "),
            (
                changed(base, alarms={"runbook": "wiki/tracking"}),
                "alarms.runbook: is 'wiki/tracking', which is not valid; write an address that begins with https://",
            ),
            (changed(base, alarms={"runbook": "http://x"}), "alarms.runbook: is 'http://x', which is not valid; "),
        ]
    ),
    (
        changed(WORKER, queue={}, environment={"TRACKING_QUEUE_URL": "x"}),
        "environment.TRACKING_QUEUE_URL: is set by queue; remove it",
    ),
    (
        changed(HTTP, sends=["mail-room"], secrets={"MAIL_ROOM_QUEUE_URL": {"ssm": "/x"}}),
        "secrets.MAIL_ROOM_QUEUE_URL: is set by sends: [mail-room]; remove it",
    ),
    (changed(HTTP, sends="mailer"), "sends: is 'mailer', not a list; write a list, e.g. sends: [notices]"),
    (changed(HTTP, sends=["a", "a"]), "sends: lists 'a' twice; list each once"),
    # before_deploy
    (
        changed(JOB, before_deploy={"command": ["migrate"]}),
        "before_deploy: means nothing for kind job; remove it; http and worker services have it",
    ),
    (changed(HTTP, before_deploy="migrate"), "before_deploy: is 'migrate', not a mapping; write a mapping"),
    (
        changed(HTTP, before_deploy={}),
        'before_deploy.command: is missing; write it, e.g. command: [python3, "-m", tracking.migrate]',
    ),
    (
        changed(HTTP, before_deploy={"command": "migrate"}),
        "before_deploy.command: is 'migrate', not a list; write a list, e.g. command: [python3, ",
    ),
    (changed(HTTP, before_deploy={"command": []}), "before_deploy.command: is an empty list; "),
    (
        changed(WORKER, before_deploy={"command": ["migrate", "$(URL)"]}),
        "before_deploy.command[1]: contains $$ or $(, which Kubernetes would expand and ECS would not; ",
    ),
    (
        changed(HTTP, before_deploy={"command": ["migrate"], "timeout": 900}),
        "before_deploy.timeout: is 900, out of range; write a whole number from 10 to 780",
    ),
    (changed(HTTP, before_deploy={"comand": ["x"]}), "before_deploy.comand: is unknown; did you mean command?"),
    # environment
    (changed(HTTP, environment={"LEVEL": 5}), 'environment.LEVEL: is 5, not text; put it in quotes: "5"'),
    (changed(HTTP, environment={"DEBUG": True}), 'environment.DEBUG: is true, not text; put it in quotes: "true"'),
    (changed(HTTP, environment={"LIST": ["a"]}), "environment.LIST: is a list, not text; write text"),
    (
        changed(HTTP, environment=["A=b"]),
        "environment: is a list, not a mapping; write a mapping, e.g. environment: {LOG_LEVEL: info}",
    ),
    *(
        (changed(HTTP, environment={n: "x"}), f"environment.{n}: is set by the platform; remove it")
        for n in ("PORT", "BASE_PATH", "SERVICE_NAME", "DEPLOY_ENVIRONMENT")
    ),
    *(
        (changed(HTTP, environment={n: "x"}), f"environment.{n}: {why}; remove it")
        for n, why in (
            ("AWS_REGION", "is set by ECS"),
            ("ECS_CONTAINER_METADATA_URI_V4", "is set by ECS"),
            ("KUBERNETES_SERVICE_HOST", "is set by Kubernetes"),
            ("AWS_ACCESS_KEY_ID", "would replace the service's own role"),
            ("AWS_PROFILE", "would replace the service's own role"),
        )
    ),
    (
        changed(HTTP, environment={"A": "x{{resolve:ssm:/x}}"}),
        "environment.A: contains {{resolve:, which CloudFormation would replace; put the value under secrets",
    ),
    (
        changed(HTTP, environment={"A": "${AWS::AccountId}"}),
        "environment.A: contains ${AWS::, which CloudFormation could replace; write the value itself",
    ),
    (
        changed(HTTP, environment={"A": "${Token[x.1]}"}),
        "environment.A: contains ${Token[, which CDK would read as a token; write it differently",
    ),
    (
        changed(HTTP, environment={"A": "#{Token[x.1]}"}),
        "environment.A: contains #{Token[, which CDK would read as a token; write it differently",
    ),
    (changed(HTTP, environment={"1X": "x"}), "environment.1X: is not a valid variable name; use letters, digits and _"),
    (changed(HTTP, environment={"LOG-LEVEL": "x"}), "environment.LOG-LEVEL: is not a valid variable name; "),
    (
        changed(HTTP, environment={"A": "$(B)"}),
        "environment.A: contains $$ or $(, which Kubernetes would expand and ECS would not; ",
    ),
    (changed(HTTP, environment={"A": "a\0b"}), "environment.A: contains a NUL character; write text"),
    (
        changed(HTTP, environment={"TRACKING_TABLE": "x"}, table={"partition_key": "id"}),
        "environment.TRACKING_TABLE: is set by table; remove it",
    ),
    # secrets
    (changed(HTTP, secrets={"KEY": "/harbour/key"}), "secrets.KEY: is '/harbour/key', not a mapping; write a mapping"),
    (changed(HTTP, secrets={"KEY": {}}), "secrets.KEY: names no source; write {secrets_manager: NAME} or {ssm: /NAME}"),
    (
        changed(HTTP, secrets={"KEY": {"ssm": "/a", "secrets_manager": "a"}}),
        "secrets.KEY: names two sources; keep secrets_manager or ssm",
    ),
    (
        changed(HTTP, secrets={"KEY": {"ssm": "/a", "key": "password"}}),
        "secrets.KEY.key: means nothing for ssm; keep each value in a parameter of its own",
    ),
    (
        changed(HTTP, secrets={"KEY": {"ssm": "/a", "version": "3"}}),
        "secrets.KEY.version: means nothing for ssm: ECS takes only a parameter's latest version; put it into the name, "
        "e.g. /a-v2, or use secrets_manager",
    ),
    (
        changed(HTTP, secrets={"KEY": {"secrets_manager": "a", "version": 3}}),
        'secrets.KEY.version: is 3, not text; put it in quotes: "3"',
    ),
    (
        changed(HTTP, secrets={"KEY": {"secrets_manager": "a", "key": "a:b"}}),
        "secrets.KEY.key: is 'a:b', which is not valid; write a key of the JSON, e.g. password",
    ),
    (
        changed(HTTP, secrets={"KEY": {"secrets_manager": "a", "kms_key": "alias/mine"}}),
        "secrets.KEY.kms_key: is 'alias/mine', which is not valid; write a key's own ARN, e.g. arn:aws:kms:",
    ),
    (
        changed(HTTP, secrets={"ONE": {"secrets_manager": "a"}, "TWO": {"secrets_manager": "a", "kms_key": KMS_KEY}}),
        "secrets.TWO.kms_key: differs from that of ONE, which has the same source; write the same kms_key for both",
    ),
    (
        changed(HTTP, secrets={"KEY": {"vault": "a"}}),
        "secrets.KEY.vault: is unknown; remove it or use one of key, kms_key, secrets_manager, ssm, version",
    ),
    (changed(HTTP, secrets={"PORT": {"ssm": "/a"}}), "secrets.PORT: is set by the platform; remove it"),
    (
        changed(HTTP, secrets={"AWS_SECRET_ACCESS_KEY": {"ssm": "/a"}}),
        "secrets.AWS_SECRET_ACCESS_KEY: would replace the service's own role; remove it",
    ),
    (
        changed(HTTP, environment={"A": "b"}, secrets={"A": {"ssm": "/a"}}),
        "secrets.A: is in environment too; keep one of the two",
    ),
    (
        changed(HTTP, secrets={"K": {"ssm": "key"}}),
        "secrets.K.ssm: is 'key', which is not valid; write a parameter's full name, e.g. /harbour/key",
    ),
    (changed(HTTP, secrets={"K": {"ssm": "/a/"}}), "secrets.K.ssm: is '/a/', which is not valid; "),
    (
        changed(HTTP, secrets={"K": {"ssm": "/aws/x"}}),
        "secrets.K.ssm: is '/aws/x'; names that begin with /aws or /ssm belong to AWS; ",
    ),
    (changed(HTTP, secrets={"K": {"ssm": "/a" * 16}}), "secrets.K.ssm: has 16 levels; use 15 or fewer"),
    (
        changed(HTTP, secrets={"K": {"ssm": "arn:aws:ssm:eu-west-1:1:parameter/a"}}),
        "secrets.K.ssm: is an ARN; write the parameter's name",
    ),
    (
        changed(HTTP, secrets={"K": {"secrets_manager": "arn:aws:secretsmanager:x"}}),
        "secrets.K.secrets_manager: is an ARN; write only the secret's name",
    ),
    (
        changed(HTTP, secrets={"K": {"secrets_manager": "harbour/db-AbC123"}}),
        "a hyphen and six characters look like the suffix that Secrets Manager adds; rename the secret",
    ),
    (
        changed(HTTP, secrets={"K": {"secrets_manager": "a b"}}),
        "secrets.K.secrets_manager: is 'a b', which is not valid; ",
    ),
    (
        changed(HTTP, secrets={"K": {"secrets_manager": ""}}),
        "secrets.K.secrets_manager: is empty; write a secret's name",
    ),
    # table
    (changed(HTTP, table={}), "table.partition_key: is missing; write it, e.g. partition_key: id"),
    (
        changed(HTTP, table={"partition_key": "id", "sort_key": "id"}),
        "table.sort_key: is the partition key too; name another attribute",
    ),
    (
        changed(HTTP, table={"partition_key": "id", "ttl": "id"}),
        "table.ttl: is a key, and keys are text while an expiry is a number; ",
    ),
    (
        changed(HTTP, table={"partition_key": "my key"}),
        "table.partition_key: is 'my key', which is not valid; write an attribute's name",
    ),
    (changed(HTTP, table={"key": "id"}), "table.key: is unknown; "),
    # calls
    (changed(HTTP, calls="quotes"), "calls: is 'quotes', not a list; write a list, e.g. calls: [tracking]"),
    (
        changed(HTTP, calls=["Quotes"]),
        "calls[0]: is 'Quotes', which is not valid; write lower-case letters, digits and single hyphens",
    ),
    (changed(HTTP, calls=["quotes", "quotes"]), "calls: lists 'quotes' twice; list each once"),
    # jobs
    (changed(JOB, schedule="@daily"), "schedule: is a macro; write five fields"),
    (changed(JOB, schedule="* * * *"), "schedule: has 4 fields; write five"),
    (changed(JOB, timezone="Europe/Pariss"), "timezone: is 'Europe/Pariss', not a time zone; write Europe/Paris"),
    (
        changed(JOB, timezone="../x"),
        "timezone: is '../x', not a time zone; write a name of the IANA database, e.g. Europe/Paris",
    ),
    (changed(JOB, timezone="localtime"), "timezone: is 'localtime', not a time zone; "),
    (changed(JOB, timezone="Mars"), "timezone: is 'Mars', not a time zone; "),
    (changed(JOB, timezone="Europe"), "timezone: is 'Europe', not a time zone; "),
    # overrides
    (changed(HTTP, overrides={"prod": {}}), "overrides.prod: is not an environment; did you mean production?"),
    (changed(HTTP, overrides=["sandbox"]), "overrides: is a list, not a mapping; "),
    (changed(HTTP, overrides={"sandbox": 5}), "overrides.sandbox: is 5, not a mapping; write the fields that differ"),
    (changed(HTTP, overrides={"production": {"port": 80}}), "overrides.production.port: is 80, out of range; "),
    (
        changed(HTTP, overrides={"production": {"prt": 80}}),
        "overrides.production.prt: is unknown; did you mean port?",
    ),
    (changed(HTTP, overrides={"production": {"name": "x"}}), "overrides.production.name: is not a key: "),
    (
        changed(HTTP, overrides={"production": {"overrides": {}}}),
        "overrides.production.overrides: is nested; write the fields themselves",
    ),
    (
        changed(HTTP, overrides={"sandbox": {"scaling": {"max": 0}}}),
        "overrides.sandbox.scaling.max: is 0, out of range; ",
    ),
    (
        changed(HTTP, overrides={"sandbox": {"kind": "job"}}),
        "overrides.sandbox.kind: cannot differ between environments; ",
    ),
    (
        changed(HTTP, overrides={"sandbox": {"port": None}}),
        "overrides.sandbox.port: is missing, and kind http needs it; ",
    ),
]


@pytest.mark.parametrize(("manifest", "message"), WRONG, ids=[message[:60] for _, message in WRONG])
def test_a_wrong_manifest_is_one_line_with_file_field_and_remedy(project, manifest, message):
    project.service("tracking", manifest)
    text = project.fault()
    assert text.startswith(f"{FILE}: ")
    assert message in text


RIGHT: list[dict[str, Any]] = [
    HTTP,
    WORKER,
    JOB,
    changed(HTTP, path="/"),
    changed(HTTP, path="/a/b.c/d_e~f-1"),
    changed(HTTP, health="/"),
    changed(HTTP, health={"path": "/h", "codes": "200,301-308"}, **ECS_ONLY),
    changed(HTTP, health={"path": "/h", "liveness": "/l"}, platforms=["eks"]),
    changed(HTTP, health={"path": "/h", "interval": 20, "timeout": 19, "healthy": 10, "unhealthy": 2}),
    changed(HTTP, health="/h", overrides={"production": {"health": {"interval": 30}}, "sandbox": {"health": "/x"}}),
    changed(WORKER, health={"command": ["alive", "--quick"]}),
    changed(WORKER, before_deploy={"command": ["migrate", "$HOME"], "timeout": 780}),
    changed(HTTP, port=1024),
    changed(HTTP, port=65535),
    changed(HTTP, priority=49999),
    changed(HTTP, stop_timeout=2),
    changed(HTTP, stop_timeout=120),
    changed(WORKER, stop_timeout=1),
    changed(HTTP, scaling={"min": 2, "max": 2}),
    changed(HTTP, scaling={"min": 2, "max": 4, "cpu_target": 60}),
    changed(HTTP, scaling={"min": 1, "max": 4, "requests_target": 100}, **ECS_ONLY),
    changed(HTTP, scaling={"max": 4, "memory_target": 70, "cooldowns": {"up": 0}}),
    changed(HTTP, scaling={"schedule": [{"cron": "0 20 * * *", "min": 0, "max": 0}]}, **ECS_ONLY),
    changed(WORKER, scaling={"max": 4, "cpu_target": 60}),
    changed(WORKER, queue={}),
    changed(WORKER, queue={"visibility_timeout": 43200, "retention_days": 14, "tries": 1, "fifo": True}),
    changed(WORKER, queue={}, alarms={"backlog_age": 3600}),
    changed(WORKER, queue={"existing": "Orders_prod.fifo", "kms_key": KEY_EXAMPLE}, alarms={"backlog_age": 3600}),
    changed(WORKER, queue={"existing": "orders-prod"}, scaling={"max": 4, "backlog_target": 20}, **ECS_ONLY),
    *(changed(base, alarms="none") for base in (HTTP, WORKER, JOB)),
    *(changed(base, alarms={"runbook": "https://wiki.example/a?b=c#d"}) for base in (HTTP, WORKER, JOB)),
    changed(WORKER, queue={}, scaling={"max": 4, "backlog_target": 20}, **ECS_ONLY),
    changed(WORKER, queue={}, scaling={"max": 4, "cpu_target": 60, "backlog_target": 20}, **ECS_ONLY),
    changed(WORKER, environment={"TRACKING_QUEUE_URL": "no queue here"}),
    changed(HTTP, environment={"lower": "x", "_X": "", "A": "a $ b ${C}\nd", "TRACKING_TABLE": "no table here"}),
    changed(HTTP, environment={"AWS_MAX_ATTEMPTS": "3", "AWS_USE_FIPS_ENDPOINT": "true", "aws_region": "x"}),
    changed(HTTP, environment={"A": "{{name}} ${NAME} {resolve:x}"}),
    changed(HTTP, secrets={"A": {"secrets_manager": "harbour/db"}, "B": {"ssm": "/harbour/key"}}),
    changed(
        HTTP, secrets={n: {"secrets_manager": "harbour/db", "key": n.lower(), "kms_key": KMS_KEY} for n in ("A", "B")}
    ),
    changed(HTTP, secrets={"A": {"secrets_manager": "harbour/db", "key": "a.b-c", "version": "AWSPREVIOUS"}}),
    changed(HTTP, table={"partition_key": "pk", "sort_key": "sk", "ttl": "expires"}),
    changed(JOB, timezone="America/Argentina/Buenos_Aires"),
    changed(JOB, timezone="UTC"),
    changed(JOB, timeout=3600, retries=2),
    without(JOB, "schedule"),
    changed(HTTP, overrides={"sandbox": {"memory": 1024}, "production": {"scaling": {"max": 3, "cpu_target": 50}}}),
    changed(HTTP, overrides={"production": {"table": {"partition_key": "id"}}}),
    changed(HTTP, cpu=300, memory=300, platforms=["eks"]),
]


@pytest.mark.parametrize("manifest", RIGHT)
def test_a_valid_manifest_is_accepted(project, manifest):
    assert project.spec(manifest).name == "tracking"


def test_a_path_alone_is_the_short_form_of_health(project):
    assert project.spec(HTTP).health == project.spec(changed(HTTP, health={"path": "/healthz"})).health


def test_an_override_of_one_part_of_health_keeps_the_path(project):
    spec = project.spec(changed(HTTP, health="/h", overrides={"sandbox": {"health": {"interval": 30}}}))
    assert (spec.health.path, spec.health.interval) == ("/h", 30)


def test_text_that_looks_like_yaml_1_1_reaches_the_container_as_written(project):
    project.service(
        "tracking", "kind: worker\ndescription: on\ncpu: 256\nmemory: 512\nenvironment: {A: yes, B: 012, C: 1.10}\n"
    )
    assert project.catalog().service("tracking").environment == {"A": "yes", "B": "012", "C": "1.10"}


# --- overrides -------------------------------------------------------------------------------------------------------

OVERRIDDEN = http(
    "/tracking",
    environment={"A": "1", "B": "2"},
    scaling={"min": 1, "max": 4, "cpu_target": 60},
    calls=[],
    overrides={
        "production": {
            "memory": 1024,
            "scaling": {"min": 3},
            "environment": {"B": None, "C": "3"},
            "secrets": {"KEY": {"ssm": "/harbour/key"}},
        }
    },
)


def test_an_override_reaches_only_its_environment(project):
    assert project.spec(OVERRIDDEN).memory == 512
    assert project.spec(OVERRIDDEN, "production").memory == 1024


def test_an_override_of_a_mapping_is_merged_key_by_key(project):
    spec = project.spec(OVERRIDDEN, "production")
    assert (spec.scaling.min, spec.scaling.max, spec.scaling.cpu_target) == (3, 4, 60)
    assert spec.environment == {"A": "1", "C": "3"}
    assert set(spec.secrets) == {"KEY"}


def test_an_override_of_any_other_field_replaces_it(project):
    spec = project.spec(http("/tracking", platforms=["ecs", "eks"], overrides={"sandbox": {"platforms": ["ecs"]}}))
    assert spec.platforms == (Platform.ECS,)


def test_a_wrong_override_is_reported_whichever_environment_is_loaded(project):
    project.service("tracking", http("/tracking", overrides={"production": {"port": 80}}))
    assert project.fault("sandbox") == project.fault("production") != ""


def test_null_in_an_override_removes_a_field(project):
    manifest = http("/tracking", table={"partition_key": "id"}, overrides={"sandbox": {"table": None}})
    assert project.spec(manifest).table is None


# --- derived values --------------------------------------------------------------------------------------------------


def test_platforms_are_those_of_both_manifest_and_environment(project):
    assert project.spec(HTTP).platforms == (Platform.ECS, Platform.EKS)
    assert project.spec(HTTP, platforms="eks").platforms == (Platform.EKS,)
    assert project.spec(changed(HTTP, platforms=["eks", "ecs"])).platforms == (Platform.ECS, Platform.EKS)


def test_names_of_variables_follow_the_services_name(project):
    project.service("hello-world", HTTP)
    spec = project.catalog().service("hello-world")
    assert (spec.env_name, list(spec.addresses), spec.table_variable) == (
        "HELLO_WORLD",
        ["HELLO_WORLD_URL"],
        "HELLO_WORLD_TABLE",
    )
    assert env_name("a-b-c") == "A_B_C"


def test_a_path_matches_itself_and_everything_below(project):
    assert project.spec(HTTP).routes[0].patterns == ("/tracking", "/tracking/*")
    assert project.spec(http("/")).routes[0].patterns == ("/*",)


@pytest.mark.parametrize("seconds", range(2, 121))
def test_draining_ends_before_the_container_is_killed(project, seconds):
    manifest = {**HTTP, "name": "a", "folder": "/a", "stop_timeout": seconds}
    spec = HttpService.model_validate_json(json.dumps(manifest))
    assert 1 <= spec.drain_seconds < spec.stop_timeout


def test_scaling_is_on_if_max_exceeds_min(project):
    assert not project.spec(HTTP).autoscaled
    assert project.spec(changed(HTTP, scaling={"max": 2, "cpu_target": 60})).autoscaled


@pytest.mark.parametrize(("manifest", "kind"), [(HTTP, HttpService), (WORKER, Worker), (JOB, Job)])
def test_the_kind_decides_the_type_and_the_type_has_no_field_of_another_kind(project, manifest, kind):
    spec = project.spec(manifest)
    assert type(spec) is kind
    foreign = set().union(*(model.model_fields for model in KINDS.values())) - set(kind.model_fields)
    assert {field for field in foreign if hasattr(spec, field)} == set()


def test_every_kind_has_a_type():
    assert set(KINDS) == set(Kind)


# --- listener priority -----------------------------------------------------------------------------------------------

SEGMENT = st.from_regex(r"[a-z0-9][a-z0-9._~-]{0,8}", fullmatch=True)


def spec_at(path: str, priority: int | None = None) -> HttpService:
    return HttpService.model_construct(name="x", kind=Kind.HTTP, path=path, priority=priority)


@given(st.lists(SEGMENT, min_size=1, max_size=5), SEGMENT)
def test_a_deeper_path_is_always_tried_before_the_one_above_it(segments, deeper):
    path = "/" + "/".join(segments)
    outer, inner = spec_at(path), spec_at(f"{path}/{deeper}")
    low, high = priority_band(path)
    assert low <= outer.routes[0].priority <= high < spec_at("/").routes[0].priority
    if len(segments) < 3:
        assert inner.routes[0].priority < outer.routes[0].priority


def test_the_root_path_is_always_tried_last():
    assert spec_at("/").routes[0].priority == 50000


def test_the_bands_meet_and_do_not_overlap():
    assert [priority_band(p) for p in ("/a/b/c/d", "/a/b/c", "/a/b", "/a")] == [
        (1, 5000),
        (1, 5000),
        (5001, 15000),
        (15001, 49999),
    ]


def test_a_priority_in_the_manifest_is_used_unchanged():
    assert spec_at("/a", 7).routes[0].priority == 7


def test_derived_priorities_are_the_same_in_every_process_and_never_change():
    expected = {"/tracking": 20563, "/quotes": 33788}
    assert {path: spec_at(path).routes[0].priority for path in expected} == expected
    code = "from tests.unit.config.test_service import spec_at; print(spec_at('/tracking').routes[0].priority)"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={"PYTHONHASHSEED": "7"}, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "20563"


# --- the model itself ------------------------------------------------------------------------------------------------


def test_every_field_has_a_description_an_example_and_a_meaning_on_both_platforms():
    for field, info in manifest_fields().items():
        meaning = meaning_of(field)
        assert info.description, field
        assert info.examples, field
        assert meaning.ecs, field
        assert meaning.eks, field


def test_the_project_fixture_starts_valid(project: Project):
    project.service("tracking", HTTP)
    assert project.fault() == ""
