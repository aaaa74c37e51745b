"""The findings that a project accepts, in `.review.yaml`: each with a reason and a last day."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from config.errors import ConfigError, shown
from config.model import Model, Pattern, Rule, fault
from config.strict_yaml import read_mapping
from config.validation import dotted, validate

FILE: Final = ".review.yaml"


def _check_day(text: str) -> None:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise fault(f"{shown(text)} is in no calendar", "write a day, e.g. 2027-01-31") from None


Id = Annotated[str, Pattern(r"\S+", "an id as the review prints it", "rights:Ecs-web/TaskRole:5f0c2a91")]
Reason = Annotated[
    str, Pattern(r".*\S.*", "why, in a sentence", "Reads the archive until the migration ends", shortest=10)
]
Day = Annotated[str, Pattern(r"\d{4}-\d\d-\d\d", "a day", "2027-01-31"), Rule(_check_day)]


class AcceptedFinding(Model):
    """A finding that somebody accepts until a day."""

    id: Id = Field(description="Its id, as the review prints it.")
    reason: Reason = Field(description="Why it is accepted, for whoever reads it later.")
    expires: Day = Field(description="The last day on which it is.")
    environment: str | None = Field(default=None, description="The only environment where it is; all by default.")

    @property
    def last_day(self) -> date:
        """The last day on which it is accepted."""
        return date.fromisoformat(self.expires)


class _File(Model):
    accepted: tuple[AcceptedFinding, ...] = ()


def accepted_in(root: Path) -> tuple[AcceptedFinding, ...]:
    """The findings that the project's .review.yaml accepts; none without the file. Raises ConfigError."""
    path = root / FILE
    if not path.is_file():
        return ()
    found = validate(_File, read_mapping(path, FILE), lambda location: (FILE, dotted(location))).accepted
    seen: set[tuple[str, str | None]] = set()
    for index, one in enumerate(found):
        if (one.id, one.environment) in seen:
            raise ConfigError(FILE, f"accepted[{index}].id", f"{shown(one.id)} is accepted twice", "remove one")
        seen.add((one.id, one.environment))
    return found
