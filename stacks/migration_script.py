"""The functions that run `before_deploy`: the command of a new version, whose end decides whether its deployment goes on."""

from __future__ import annotations

from typing import Final

# CloudFormation waits for the answer; without one it would wait for an hour. While a stack rolls back, it asks for the version
# before: its command has run long ago, and need not know a database that a newer version has changed.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/crpg-ref-requests.html
_COMMON: Final = r"""
import json
import time
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError


class Failed(Exception):
    pass


def handler(event, context):
    status, reason = "SUCCESS", ""
    try:
        if event["RequestType"] != "Delete" and not rolls_back(event["StackId"]):
            run(event["ResourceProperties"], event["RequestId"])
    except Exception as error:
        print(repr(error))
        status, reason = "FAILED", f"before_deploy {error}" if isinstance(error, Failed) else f"before_deploy: {error}"
    answer(event, status, reason)


def rolls_back(stack):
    [found] = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return "ROLLBACK" in found["StackStatus"]


def answer(event, status, reason):
    body = {
        "Status": status,
        "Reason": reason[:1500],
        "PhysicalResourceId": event.get("PhysicalResourceId") or event["LogicalResourceId"],
        **{key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")},
    }
    request = urllib.request.Request(
        event["ResponseURL"], json.dumps(body).encode(), {"Content-Type": ""}, method="PUT"
    )
    urllib.request.urlopen(request, timeout=30)
"""

# The request's own id makes a second start, e.g. after a lost answer, return the first one's task. A role that was just created
# may not be known everywhere yet, so the start is tried again for a minute.
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html
ON_ECS: Final = (
    _COMMON
    + r"""

START_SECONDS = 60
PAUSE = 2


def run(properties, token):
    wanted = json.loads(properties["Task"])
    cluster, name, seconds = wanted["cluster"], properties["Container"], int(properties["Seconds"])
    ecs = boto3.client("ecs")
    deadline = time.time() + seconds
    arn = start(ecs, wanted, token)
    print(f"{arn}: started")
    while time.time() < deadline:
        time.sleep(PAUSE)
        found = ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"]
        if found and found[0]["lastStatus"] == "STOPPED":
            return judge(found[0], name, properties)
    ecs.stop_task(cluster=cluster, task=arn, reason="before_deploy took too long")
    raise Failed(f"did not end within {seconds} s{last_line(arn, name, properties)}")


def start(ecs, wanted, token):
    until = time.time() + START_SECONDS
    while True:
        try:
            answer = ecs.run_task(**wanted, clientToken=token)
            if answer["tasks"]:
                return answer["tasks"][0]["taskArn"]
            why = answer["failures"][0].get("reason", "no reason given")
        except ClientError as error:
            why = str(error)
        if time.time() > until:
            raise Failed(f"could not start: {why}")
        time.sleep(PAUSE)


def judge(task, name, properties):
    code = next((c.get("exitCode") for c in task["containers"] if c["name"] == name), None)
    if code == 0:
        return
    ended = f"ended with exit code {code}" if code is not None else f"failed: {task.get('stoppedReason', 'it stopped')}"
    raise Failed(ended + last_line(task["taskArn"], name, properties))


def last_line(arn, name, properties):
    stream = f"{properties['StreamPrefix']}/{name}/{arn.rpartition('/')[2]}"
    try:
        found = boto3.client("logs").get_log_events(
            logGroupName=properties["LogGroup"], logStreamName=stream, limit=1, startFromHead=False
        )["events"]
    except ClientError:
        return ""
    return f": {found[-1]['message'].strip()[:500]}" if found else ""
"""
)

# CDK's kubectl handler, called as CDK's custom resources call it, creates the Job, then reads its conditions until there is one
# or it gives up waiting. The Job's name ends in the request's id, so an attempt after one that failed is a new Job, and the same
# request sent twice is the same Job.
# https://kubernetes.io/docs/concepts/workloads/controllers/job/#terminal-job-conditions
ON_EKS: Final = (
    _COMMON
    + r"""

ASK_SECONDS = 40
SLACK_SECONDS = 45
ENDED = 'range .status.conditions[?(@.status=="True")]}{.type}: {.message}\n{end'
LAST_WORDS = "range .items[*].status.containerStatuses[*].state.terminated}{.exitCode}: {.message}{end"


def run(properties, token):
    [job] = json.loads(properties["Manifest"])
    name = job["metadata"]["name"] = f"{job['metadata']['name']}-{token[:8]}"
    seconds = int(properties["Seconds"])
    deadline = time.time() + seconds + SLACK_SECONDS
    try:
        kubectl(properties, "KubernetesResource", Manifest=json.dumps([job]), Overwrite="true")
    except Failed as error:
        raise Failed(f"could not start: {error}")
    print(f"{name}: started")
    while time.time() < deadline:
        ended = value(properties, "job", name, ENDED, ASK_SECONDS)
        if "Complete" in ended or "SuccessCriteriaMet" in ended:
            return
        if "DeadlineExceeded" in ended or "longer than" in ended:
            break
        if "Fail" in ended:
            raise Failed(last_words(properties, name) or f"failed: {ended.strip()}")
    raise Failed(f"did not end within {seconds} s")


def last_words(properties, name):
    found = value(properties, "pods", f"-l=batch.kubernetes.io/job-name={name}", LAST_WORDS, 1)
    code, _, message = found.partition(": ")
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return f"ended with exit code {code}" + (f": {lines[-1][:500]}" if lines else "") if code else ""


def value(properties, kind, name, path, seconds):
    asked = {"ObjectType": kind, "ObjectName": name, "JsonPath": path, "TimeoutSeconds": str(seconds)}
    try:
        found = kubectl(properties, "KubernetesObjectValue", ObjectNamespace=properties["Namespace"], **asked)
    except Failed as error:
        print(error)
        return ""
    return found["Data"]["Value"]


def kubectl(properties, kind, **asked):
    event = {
        "RequestType": "Create",
        "ResourceType": f"Custom::AWSCDK-EKS-{kind}",
        "ResourceProperties": {"ClusterName": properties["ClusterName"], **asked},
    }
    patient = Config(read_timeout=120, retries={"total_max_attempts": 1})
    done = boto3.client("lambda", config=patient).invoke(
        FunctionName=properties["Kubectl"], Payload=json.dumps(event).encode()
    )
    said = json.loads(done["Payload"].read() or b"null")
    if done.get("FunctionError"):
        raise Failed(str((said or {}).get("errorMessage", said)))
    return said
"""
)
