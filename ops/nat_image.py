"""Writes the newest machine image for the NAT instance into the environment's file, as the setting nat_image."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from config.settings import Egress, Settings, settings_file
from ops.errors import OpsError

# https://docs.aws.amazon.com/linux/al2023/ug/ec2.html
PARAMETER: Final = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
_LINE: Final = re.compile(r"^(# ?)?nat_image:.*\n", re.MULTILINE)
_EGRESS: Final = re.compile(r"^egress:.*\n", re.MULTILINE)


def pin(root: Path, settings: Settings, ssm: Any = None) -> str:
    """Pins the newest image, or moves the pin to it; returns what has happened.

    Raises:
        OpsError: the environment has no NAT instance or no region, AWS cannot be asked, or the file has no
            line to change. Exit code 2.
    """
    file = settings_file(settings.environment)
    if settings.egress is not Egress.NAT_INSTANCE:
        raise OpsError(
            f"{file}: egress: is {settings.egress.value if settings.egress else 'not set'}, which has no machine image",
            exit_code=2,
        )
    if not settings.region:
        raise OpsError(f"{file}: region: is missing, and an image belongs to one region; write it first", exit_code=2)
    image = _newest(settings.region, ssm)
    if image == settings.nat_image:
        return f"{file}: nat_image: {image} is the newest"
    path = root / file
    text = path.read_text(encoding="utf-8")
    changed = _with_line(text, f"nat_image: {image}\n")
    if changed == text:
        raise OpsError(f"{file}: nat_image: has no line that could be changed; write nat_image: {image}", exit_code=2)
    path.write_text(changed, encoding="utf-8")
    return f"{file}: nat_image: {image} (was {settings.nat_image or 'not pinned'}); the next deployment replaces the instance"


def _newest(region: str, ssm: Any) -> str:
    try:
        client = ssm or boto3.client("ssm", region_name=region)
        return str(client.get_parameter(Name=PARAMETER)["Parameter"]["Value"])
    except (BotoCoreError, ClientError) as error:
        raise OpsError(
            f"machine image: {error}; set AWS_PROFILE, or sign in with: aws sso login", exit_code=2
        ) from error


def _with_line(text: str, line: str) -> str:
    if _LINE.search(text):
        return _LINE.sub(line, text, count=1)
    return _EGRESS.sub(lambda found: found[0] + line, text, count=1)
