"""Cron that means the same on Kubernetes and on EventBridge Scheduler.

A manifest uses Kubernetes' five-field form. The two platforms differ: AWS counts the days of the week from 1, Kubernetes from
0; AWS needs a '?' in one of the day fields; a schedule that restricts both day fields means "or" on Kubernetes, and AWS refuses
it. So every field is expanded here to a set of values and rewritten for AWS, with days of the week by name.
Grammar of Kubernetes: https://pkg.go.dev/github.com/robfig/cron/v3; of AWS:
https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_LONGEST_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class ScheduleError(ValueError):
    """A schedule that cannot mean one thing on both platforms: what is wrong and what to write instead."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy


@dataclass(frozen=True)
class _Field:
    name: str
    low: int
    high: int
    names: Sequence[str] = ()

    @property
    def all(self) -> frozenset[int]:
        return frozenset(range(self.low, self.high + 1))

    def expand(self, text: str) -> frozenset[int]:
        return frozenset().union(*(self._term(term) for term in text.upper().split(",")))

    def _term(self, term: str) -> frozenset[int]:
        span, slash, step_text = term.partition("/")
        step = self._step(step_text) if slash else 1
        if span == "*":
            first, last = self.low, self.high
        elif "-" in span:
            first, last = (self._number(part) for part in span.split("-", 1))
        else:
            first = self._number(span)
            last = self.high if slash else first
        if first > last:
            raise ScheduleError(
                f"has the range {span} backwards in {self.name}", "write the smaller one first, or two ranges"
            )
        return frozenset(range(first, last + 1, step))

    def _step(self, text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,4}", text) or int(text) == 0:
            raise ScheduleError(f"has the step '/{text}' in {self.name}", "write a whole number above 0, e.g. */5")
        return int(text)

    def _number(self, text: str) -> int:
        if text in self.names:
            return self.names.index(text) + self.low
        if not re.fullmatch(r"[0-9]{1,4}", text) or int(text) not in self.all:
            sunday = " (Sunday is 0 or SUN)" if self.names is DAYS else ""
            raise ScheduleError(
                f"has {text!r} in {self.name}", f"write a number from {self.low} to {self.high}{sunday}"
            )
        return int(text)


MINUTE = _Field("minute", 0, 59)
HOUR = _Field("hour", 0, 23)
DAY = _Field("day of month", 1, 31)
MONTH = _Field("month", 1, 12, MONTHS)
WEEKDAY = _Field("day of week", 0, 6, DAYS)


@dataclass(frozen=True)
class Schedule:
    """The values at which a schedule fires; a field that was a star has all of them."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]  # 0 = Sunday


def parse(schedule: str) -> Schedule:
    """The schedule as sets of values. Raises ScheduleError if the platforms would not agree on it."""
    _refuse_dialects(schedule)
    texts = schedule.split()
    if len(texts) != 5:
        raise ScheduleError(
            f"has {len(texts)} fields", "write five: minute hour day-of-month month day-of-week, e.g. 30 6 * * MON-FRI"
        )
    minute, hour, day, month, weekday = texts
    if day != "*" and weekday != "*":
        raise ScheduleError(
            "restricts both day of month and day of week, which the two platforms read differently",
            "put * in one of the two",
        )
    parsed = Schedule(
        MINUTE.expand(minute), HOUR.expand(hour), DAY.expand(day), MONTH.expand(month), WEEKDAY.expand(weekday)
    )
    if min(parsed.days) > max(_LONGEST_MONTH[m - 1] for m in parsed.months):
        raise ScheduleError("names a day that its months do not have, so it would never run", "choose another day")
    return parsed


def eventbridge_cron(schedule: str) -> str:
    """The schedule in EventBridge Scheduler's form: cron(minute hour day-of-month month day-of-week year).

    The longest has 238 characters; ScheduleExpression allows 256. Raises ScheduleError.
    """
    parsed = parse(schedule)
    weekday = schedule.rsplit(maxsplit=1)[-1]
    days = "?" if weekday != "*" else _ranges(parsed.days, DAY)
    weekdays = "?" if weekday == "*" else ",".join(DAYS[d] for d in sorted(parsed.weekdays))
    first = f"{_ranges(parsed.minutes, MINUTE)} {_ranges(parsed.hours, HOUR)} {days} {_ranges(parsed.months, MONTH)}"
    return f"cron({first} {weekdays} *)"


def _refuse_dialects(schedule: str) -> None:
    if schedule.strip().startswith("@"):
        raise ScheduleError("is a macro", "write five fields, e.g. 0 * * * * for every hour")
    if "=" in schedule:
        raise ScheduleError("sets a time zone", "write it as timezone: Europe/Paris")
    if re.search(r"[#?]|(^|[\s,0-9])[LW]([\s,/]|$)", schedule, re.IGNORECASE):
        raise ScheduleError(
            "uses L, W, # or ?, which only one of the platforms knows", "name days by number or by MON-FRI"
        )


def _ranges(values: frozenset[int], field: _Field) -> str:
    """The values as a list of numbers and ranges, '*' for all."""
    if values == field.all:
        return "*"
    runs: list[list[int]] = []
    for value in sorted(values):
        if runs and runs[-1][1] == value - 1:
            runs[-1][1] = value
        else:
            runs.append([value, value])
    return ",".join(str(a) if a == b else f"{a},{b}" if b == a + 1 else f"{a}-{b}" for a, b in runs)
