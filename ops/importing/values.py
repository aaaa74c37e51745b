"""Values as other tools write them: durations, sizes, commands, templates."""

from __future__ import annotations

import math
import re
import shlex
from typing import Any, Final

from ops.importing.reading import Template

_PRESETS: Final = {
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
}  # fmt: skip
_UNITS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_KIB: Final = 1024
# https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/: Ki is 1024, k is 1000
_QUANTITY: Final = {
    "": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "m": 1e-3, "Ki": _KIB, "Mi": _KIB**2, "Gi": _KIB**3, "Ti": _KIB**4,
}  # fmt: skip
# https://docs.docker.com/reference/compose-file/extension/#specifying-byte-values: of 1024, whichever case
_BYTES: Final = {"b": 1, "k": _KIB, "kb": _KIB, "m": _KIB**2, "mb": _KIB**2, "g": _KIB**3, "gb": _KIB**3}


def is_template(text: object) -> bool:
    """Whether another tool would replace the text, or a part of it."""
    return isinstance(text, Template) or (isinstance(text, str) and bool(re.search(r"\$\{|\{\{|\$\(", text)))


def whole(text: str) -> int | None:
    """A whole number; None for anything else."""
    return int(text) if re.fullmatch(r"-?\d{1,12}", text) else None


def seconds(text: str) -> int | None:
    """A duration such as 90, 30s, 1h30m or 500ms in whole seconds, at least one; None for anything else."""
    if re.fullmatch(r"\d{1,9}", text):
        return int(text)
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|[smhd])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return max(1, math.ceil(sum(float(number) * _UNITS[unit] for number, unit in parts)))


def kubernetes_mib(text: str) -> int | None:
    """A Kubernetes quantity of bytes in MiB, rounded up."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([kMGTm]|[KMGT]i)?", text)
    return math.ceil(float(found[1]) * _QUANTITY[found[2] or ""] / _KIB**2) if found else None


def compose_mib(text: str) -> int | None:
    """A compose byte value in MiB, rounded up."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(b|kb?|mb?|gb?)?i?", text.lower())
    return math.ceil(float(found[1]) * _BYTES[found[2] or "b"] / _KIB**2) if found else None


def cpu_units(text: str) -> int | None:
    """CPUs such as 0.5 or 500m in units of 1/1024, rounded up."""
    found = re.fullmatch(r"(\d*\.?\d+)(m?)", text)
    return math.ceil(float(found[1]) / (1000 if found[2] else 1) * 1024) if found else None


def words(value: Any) -> list[str] | None:
    """A command as a list; text is split as a shell would. None if that cannot be done."""
    if isinstance(value, list):
        return [str(word) for word in value] if all(isinstance(word, str) for word in value) else None
    if not isinstance(value, str) or isinstance(value, Template):
        return None
    try:
        return shlex.split(value)
    except ValueError:
        return None


def asked_path(command: list[str]) -> str:
    """The path that a command such as curl asks this machine for; '' if it asks for none."""
    found = re.search(
        r"(?:https?://[^/\s:'\"]+(?::\d+)?|(?:localhost|127\.0\.0\.1):\d+)(/[A-Za-z0-9_.~/-]*)?", " ".join(command)
    )
    return found[1] or "/" if found else ""


def as_command(found: list[str]) -> list[str]:
    """A health check's command without the word that says how it is run."""
    if found[0] == "CMD":
        return found[1:]
    return ["/bin/sh", "-c", " ".join(found[1:])] if found[0] == "CMD-SHELL" else found


def cron(text: str) -> str | None:
    """A schedule in five fields; '' for none, None for what five fields cannot say."""
    if text == "none":
        return ""
    every = re.fullmatch(r"@every (\w+)|rate\((\d+) (minute|hour|day)s?\)", text)
    if every:
        span = seconds(every[1]) if every[1] else int(every[2]) * {"minute": 60, "hour": 3600, "day": 86400}[every[3]]
        return _every((span or 0) // 60)
    inner = re.fullmatch(r"cron\((.+)\)", text)
    if inner:
        fields = inner[1].split()  # AWS's six: the last is the year
        return " ".join(fields[:5]).replace("?", "*") if len(fields) == 6 and fields[5] == "*" else None
    return _PRESETS.get(text) or (text if len(text.split()) == 5 else None)


def _every(minutes: int) -> str | None:
    if 0 < minutes < 60 and 60 % minutes == 0:
        return f"*/{minutes} * * * *" if minutes > 1 else "* * * * *"
    hours, rest = divmod(minutes, 60)
    if rest or hours == 0 or (24 % hours and hours != 24):
        return None
    return "0 0 * * *" if hours == 24 else "0 * * * *" if hours == 1 else f"0 */{hours} * * *"
