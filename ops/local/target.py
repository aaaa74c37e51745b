"""The only target of local commands: this machine's emulator, with clients that reach nothing else.

Three things keep real accounts safe: the endpoint must be loopback, or nothing starts; every child process and client gets
its endpoint, credentials, region and home folder from here, none from the user; and the credentials are the emulator's account
number, which AWS would reject.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ops.errors import OpsError
from ops.local.engine import Engine
from ops.local.workspace import Workspace

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_logs import CloudWatchLogsClient

DEFAULT_ENDPOINT = "http://localhost:4566"
ACCOUNT = "000000000000"
REGION = "us-east-1"
# The user's variables that children inherit: none that names an account, a profile or an endpoint.
KEPT_VARIABLES = (
    "PATH",
    "LANG",
    "LC_ALL",
    "TERM",
    "TZ",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "NO_COLOR",
)


@dataclass(frozen=True)
class Target:
    """The emulator that local commands talk to. Clients are made on first use, and kept."""

    endpoint: str = DEFAULT_ENDPOINT
    account: str = ACCOUNT
    region: str = REGION

    def __post_init__(self) -> None:
        require_loopback(self.endpoint)

    @property
    def port(self) -> int:
        return urlsplit(self.endpoint).port or 80

    @property
    def registry(self) -> str:
        """Host and port of the emulator's image registry, as the engine calls it."""
        return f"localhost:{self.port}"

    @property
    def network(self) -> str:
        """Name, and prefix of the names, of the engine's networks that tasks run in."""
        return f"container-services-{self.port}"

    @property
    def instance(self) -> str:
        """Value of the label `ministack.instance` on every container that this emulator starts."""
        return f"container-services:{self.port}"

    def child_environment(self, workspace: Workspace, *, engine: Engine | None = None) -> dict[str, str]:
        """The whole environment of a child process, built from scratch so that no real account can be reached."""
        kept = {key: os.environ[key] for key in KEPT_VARIABLES if key in os.environ}
        scratch = workspace.folder / "tmp"
        scratch.mkdir(parents=True, exist_ok=True)
        virtual_environment = str(Path(sys.executable).parent)
        kept["PATH"] = os.pathsep.join([virtual_environment, kept.get("PATH", os.defpath)])
        return {
            **kept,
            "HOME": str(workspace.home),
            "TMPDIR": str(scratch),
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.account,
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "CDK_DISABLE_VERSION_CHECK": "1",
            "CDK_VALIDATION": "false",  # docs/decisions/0012
            "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
            **(engine.environment if engine else {}),
        }

    def client(self, service: str) -> Any:
        """A boto3 client for the emulator; the user's configuration is not read."""
        import boto3  # noqa: PLC0415 - takes half a second that commands without AWS need not wait
        import botocore.session  # noqa: PLC0415
        from botocore.config import Config  # noqa: PLC0415

        no_files = {  # where botocore would look: setting, environment variable, default, conversion
            "profile": (None, None, None, None),
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
            "ca_bundle": (None, None, None, None),
        }
        session = boto3.session.Session(
            aws_access_key_id=self.account,
            aws_secret_access_key="local",  # noqa: S106 - the emulator takes any
            region_name=self.region,
            botocore_session=botocore.session.Session(session_vars=no_files),
        )
        config = Config(retries={"max_attempts": 2}, connect_timeout=3, read_timeout=60, proxies={})
        return session.client(service, endpoint_url=self.endpoint, config=config)  # type: ignore[call-overload]

    @cached_property
    def cloudformation(self) -> CloudFormationClient:
        return self.client("cloudformation")  # type: ignore[no-any-return]

    @cached_property
    def ecr(self) -> ECRClient:
        return self.client("ecr")  # type: ignore[no-any-return]

    @cached_property
    def ecs(self) -> ECSClient:
        return self.client("ecs")  # type: ignore[no-any-return]

    @cached_property
    def logs(self) -> CloudWatchLogsClient:
        return self.client("logs")  # type: ignore[no-any-return]


def require_loopback(endpoint: str) -> None:
    """Raise OpsError unless the endpoint is plain HTTP on this machine's loopback, for every address of its host name."""
    parts = urlsplit(endpoint)
    refusal = OpsError(
        f"--endpoint {endpoint}: local commands only talk to this machine; write http://localhost:PORT", exit_code=2
    )
    try:
        port = parts.port
    except ValueError:
        raise refusal from None
    if parts.scheme != "http" or not parts.hostname or port is None or parts.username or parts.path.strip("/"):
        raise refusal
    try:
        addresses = {entry[4][0] for entry in socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)}
    except OSError:
        raise refusal from None
    if not addresses or not all(ipaddress.ip_address(str(address)).is_loopback for address in addresses):
        raise refusal
