"""What runs in a service's container, as whom, and where it may write."""

from __future__ import annotations

import re
from typing import Annotated, Final

from config.errors import shown
from config.fields.image import check_one
from config.limits import HIGHEST_USER
from config.model import NOT_EMPTY, Rule, fault

TMP: Final = "/tmp"  # noqa: S108 - the folder that every container may write to
_USER: Final = re.compile(r"(\d{1,10})(?::(\d{1,10}))?")
# Folders that the system reads programs and settings from, or where the platform mounts something of its own.
_OF_THE_SYSTEM: Final = (
    "/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/mnt/secrets", "/proc", "/run/secrets", "/sbin", "/sys",
    "/usr/bin", "/usr/lib", "/usr/lib64", "/usr/libexec", "/usr/sbin",
)  # fmt: skip
_TOO_LARGE: Final = ("/home", "/mnt", "/opt", "/usr", "/usr/local", "/usr/share", "/var", "/var/lib")


def check_words(words: tuple[str, ...]) -> None:
    """Words of a command, each of which means the same to ECS and Kubernetes."""
    for index, word in enumerate(words):
        check_one(f"[{index}]", word)
        if "$$" in word or "$(" in word:
            problem = "contains $$ or $(, which Kubernetes would expand and ECS would not"
            raise fault(problem, "put it into a script in the image", field=f"[{index}]")


def check_user(user: int | str) -> None:
    """A user that is not root, by number: Kubernetes cannot tell who a name is."""
    match = _USER.fullmatch(str(user))
    if match is None:
        raise fault(f"is {shown(user)}, not a number", 'write the number of the user, e.g. 1000 or "1000:1000"')
    for number, what in ((match[1], "root"), (match[2], "root's group")):
        if number is not None and int(number) == 0:
            raise fault(f"is {what}", "write the number of another one, e.g. 1000")
        if number is not None and int(number) > HIGHEST_USER:
            raise fault(f"is {number}, out of range", f"write a number up to {HIGHEST_USER}")


def user_and_group(user: int | str) -> tuple[int, int]:
    """The two numbers; the group is the user's unless it is named."""
    number, _, group = str(user).partition(":")
    return int(number), int(group or number)


def check_folders(folders: tuple[str, ...]) -> None:
    for index, folder in enumerate(folders):
        try:
            _check_folder(folder, folders[:index])
        except _WrongFolderError as wrong:
            raise fault(wrong.problem, wrong.remedy, field=f"[{index}]") from None


class _WrongFolderError(ValueError):
    def __init__(self, problem: str, remedy: str) -> None:
        self.problem = problem
        self.remedy = remedy
        super().__init__(problem)


def _check_folder(folder: str, earlier: tuple[str, ...]) -> None:
    if not re.fullmatch(r"(/[A-Za-z0-9_@+-][A-Za-z0-9._@+-]*|/\.[A-Za-z0-9_@+-][A-Za-z0-9._@+-]*)+", folder):
        raise _WrongFolderError(f"is {shown(folder)}, not a folder's full path", "write e.g. /var/cache/nginx")
    if _is_in(folder, TMP):
        raise _WrongFolderError(f"is {folder}, and {TMP} is always writable", "remove it")
    if folder == "/var/run" or _is_in(folder, "/var/run"):
        raise _WrongFolderError("is below a link in most images", f"write {folder.removeprefix('/var')}")
    system = next((s for s in _OF_THE_SYSTEM if _is_in(folder, s) or (_is_in(s, folder) and folder != "/run")), None)
    if system or folder in _TOO_LARGE:
        raise _WrongFolderError(
            f"is {folder}, which belongs to the system", "name the folder that the service writes to"
        )
    for other in earlier:
        if _is_in(folder, other) or _is_in(other, folder):
            inner, outer = (folder, other) if _is_in(folder, other) else (other, folder)
            raise _WrongFolderError(f"overlaps: {inner} is in {outer}", f"keep {outer}")


def _is_in(folder: str, outer: str) -> bool:
    return folder == outer or folder.startswith(f"{outer}/")


Words = Annotated[tuple[str, ...], NOT_EMPTY, Rule(check_words)]
"""A command, word by word, for no shell splits it."""
