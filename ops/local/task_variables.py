"""What the variables of a task on the emulator are that the emulator itself would set to something useless."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ops.local import addresses


def credentials(environment: Mapping[str, str]) -> dict[str, str]:
    """The emulator serves credentials from a host that SDKs refuse, so pass them as variables; they name only its account."""
    kept = {key: value for key, value in environment.items() if not key.startswith(("AWS_CONTAINER_",))}
    account, region = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_DEFAULT_REGION"]
    return {
        "AWS_ACCESS_KEY_ID": account,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        **kept,
    }


def reachable(environment: Mapping[str, str]) -> dict[str, str]:
    """Addresses on the emulator, such as a queue's, as the container reaches it: some SDKs take a queue's for the endpoint."""
    here, from_container = os.environ.get("AWS_ENDPOINT_URL", ""), environment.get("AWS_ENDPOINT_URL", "")
    if not here or not from_container:
        return dict(environment)
    return {
        name: addresses.reachable(value, here=here, from_container=from_container)
        for name, value in environment.items()
    }
