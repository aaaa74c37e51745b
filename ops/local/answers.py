"""Whether a service answers through the emulated load balancer."""

from __future__ import annotations

import time
import urllib.error
import urllib.request

from config.service import HttpService, ServiceSpec
from ops.errors import OpsError

POLL_SECONDS = 0.3
BALANCER_SERVER = "awselb"  # the Server header of the load balancer's own answers


def host_of(spec: ServiceSpec) -> str:
    """The host that a request to a service must name; empty if any will do."""
    address = spec.address if isinstance(spec, HttpService) else None
    return (address.host or "") if address else ""


def answer(url: str, host: str = "") -> int:
    """The status of a service's own answer to a GET; 0 if only the load balancer answers, or nothing does.

    Args:
        url: where the request goes.
        host: what it names as its host, if that is not the URL's.
    """
    headers = {"Accept": "*/*", **({"Host": host} if host else {})}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - loopback http
    try:
        with urllib.request.urlopen(request, timeout=10) as got:  # noqa: S310
            return 0 if str(got.headers.get("Server", "")).startswith(BALANCER_SERVER) else int(got.status)
    except urllib.error.HTTPError as error:
        return 0 if str(error.headers.get("Server", "")).startswith(BALANCER_SERVER) else error.code
    except OSError:
        return 0


def wait_for_answer(url: str, name: str, *, host: str = "", seconds: float = 30.0) -> int:
    """The status of the first answer below 500; OpsError if there is none in time."""
    deadline, status = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        status = answer(url, host)
        if 0 < status < 500:
            return status
        time.sleep(POLL_SECONDS)
    what = f"answers {status}" if status else "does not answer"
    raise OpsError(f"{name}: runs, but {url} {what}. See `make logs SERVICE={name}`")
