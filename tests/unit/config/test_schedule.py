"""A schedule means the same to Kubernetes and to EventBridge, or is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from config.schedule import DAYS, MONTHS, ScheduleError, eventbridge_cron, parse

LONGEST_EXPRESSION = 256  # of ScheduleExpression in the CreateSchedule call


@pytest.mark.parametrize(
    ("schedule", "expression"),
    [
        ("* * * * *", "cron(* * * * ? *)"),
        ("*/15 * * * *", "cron(0,15,30,45 * * * ? *)"),
        ("5/20 * * * *", "cron(5,25,45 * * * ? *)"),
        ("30 6 * * MON-FRI", "cron(30 6 ? * MON,TUE,WED,THU,FRI *)"),
        ("30 6 * * 1-5", "cron(30 6 ? * MON,TUE,WED,THU,FRI *)"),
        ("0 0 * * 0", "cron(0 0 ? * SUN *)"),
        ("0 0 * * 6", "cron(0 0 ? * SAT *)"),
        ("0 0 * * */2", "cron(0 0 ? * SUN,TUE,THU,SAT *)"),
        ("0 0 * * sun,wed", "cron(0 0 ? * SUN,WED *)"),
        ("0 0 1 * *", "cron(0 0 1 * ? *)"),
        ("0 0 1,15 jan-mar *", "cron(0 0 1,15 1-3 ? *)"),
        ("0 9-9/4 * * *", "cron(0 9 * * ? *)"),
        ("0 0 * * 1/2", "cron(0 0 ? * MON,WED,FRI *)"),
        ("0 9-17/4 * * *", "cron(0 9,13,17 * * ? *)"),
        ("0 0 29 2 *", "cron(0 0 29 2 ? *)"),
        ("  0   0 31 12 * ", "cron(0 0 31 12 ? *)"),
    ],
)
def test_a_schedule_is_translated_for_aws(schedule, expression):
    assert eventbridge_cron(schedule) == expression


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ("", "has 0 fields; write five: minute hour day-of-month month day-of-week, e.g. 30 6 * * MON-FRI"),
        ("* * * *", "has 4 fields; write five"),
        ("0 * * * * *", "has 6 fields; write five"),
        ("0 0 12 * * * 2030", "has 7 fields; write five"),
        ("@daily", "is a macro; write five fields"),
        ("@every 5m", "is a macro; "),
        ("CRON_TZ=UTC 0 0 * * *", "sets a time zone; write it as timezone: Europe/Paris"),
        ("TZ=UTC 0 0 * * *", "sets a time zone; "),
        (
            "0 0 1 * MON",
            "restricts both day of month and day of week, which the two platforms read differently; put * in one",
        ),
        ("0 0 */2 * 1", "restricts both day of month and day of week"),
        ("0 0 1 * 0-6", "restricts both day of month and day of week"),
        ("0 0 L * *", "uses L, W, # or ?, which only one of the platforms knows; "),
        ("0 0 15W * *", "uses L, W, # or ?"),
        ("0 0 LW * *", "has 'LW' in day of month; write a number from 1 to 31"),
        ("0 0 * * 5L", "uses L, W, # or ?"),
        ("0 0 * * 5#2", "uses L, W, # or ?"),
        ("0 0 ? * *", "uses L, W, # or ?"),
        ("60 * * * *", "has '60' in minute; write a number from 0 to 59"),
        ("* 24 * * *", "has '24' in hour; write a number from 0 to 23"),
        ("* * 0 * *", "has '0' in day of month; write a number from 1 to 31"),
        ("* * * 13 *", "has '13' in month; write a number from 1 to 12"),
        ("* * * * 7", "has '7' in day of week; write a number from 0 to 6 (Sunday is 0 or SUN)"),
        ("* * * * MONDAY", "has 'MONDAY' in day of week; "),
        ("* * * MON *", "has 'MON' in month; "),
        ("-1 * * * *", "has '' in minute; "),
        ("1,,2 * * * *", "has '' in minute; "),
        ("*/0 * * * *", "has the step '/0' in minute; write a whole number above 0, e.g. */5"),
        ("*/x * * * *", "has the step '/X' in minute; "),
        ("*/ * * * *", "has the step '/' in minute; "),
        ("1-5/2/3 * * * *", "has the step '/2/3' in minute; "),
        ("5-1 * * * *", "has the range 5-1 backwards in minute; write the smaller one first, or two ranges"),
        ("* * * * FRI-MON", "has the range FRI-MON backwards in day of week; "),
        ("0 0 30 2 *", "names a day that its months do not have, so it would never run; choose another day"),
        ("0 0 31 4,6,9,11 *", "names a day that its months do not have"),
        ("٣ * * * *", "has '٣' in minute; "),
    ],
)
def test_a_schedule_that_the_platforms_disagree_on_is_refused(schedule, message):
    with pytest.raises(ScheduleError) as caught:
        parse(schedule)
    assert message in str(caught.value)


def test_the_longest_expression_fits_the_limit_of_aws():
    def pairs(low: int, high: int) -> str:  # pairs with gaps: the longest way to list values
        return ",".join(str(n) for n in range(low, high + 1) if (n - low) % 3 != 2)

    assert (
        len(eventbridge_cron(f"{pairs(0, 59)} {pairs(0, 23)} {pairs(1, 31)} {pairs(1, 12)} *"))
        == 238
        < LONGEST_EXPRESSION
    )


# --- against an independent reader -----------------------------------------------------------------------------------


def field(low: int, high: int, names: tuple[str, ...] = ()) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    word = st.sampled_from(names) if names else number.map(str)
    span = st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}")
    # CronSim reads 5-5/2 as 5/2, Kubernetes as 5: not generated here.
    wide = (
        st.tuples(number, number).filter(lambda pair: pair[0] != pair[1]).map(lambda pair: f"{min(pair)}-{max(pair)}")
    )
    stepped = st.tuples(st.one_of(st.just("*"), wide), st.integers(1, high)).map(lambda pair: f"{pair[0]}/{pair[1]}")
    term = st.one_of(st.just("*"), number.map(str), word, span, stepped)
    return st.one_of(st.just("*"), st.lists(term, min_size=1, max_size=3).map(",".join))


DAY_FIELDS = st.one_of(
    st.tuples(st.just("*"), field(0, 6, DAYS)),
    st.tuples(field(1, 28), st.just("*")),
)
SCHEDULES = st.tuples(field(0, 59), field(0, 23), field(1, 12, MONTHS), DAY_FIELDS).map(
    lambda parts: f"{parts[0]} {parts[1]} {parts[3][0]} {parts[2]} {parts[3][1]}"
)


@given(SCHEDULES)
def test_every_field_is_read_as_cron_reads_it(schedule):
    parsed = parse(schedule)
    other = CronSim(schedule, datetime(2030, 1, 1, tzinfo=UTC))
    assert parsed.minutes == other.minutes
    assert parsed.hours == other.hours
    assert parsed.days == other.days
    assert parsed.months == other.months
    assert parsed.weekdays == {day % 7 for day in other.weekdays}


def aws_fires(expression: str, moment: datetime) -> bool:
    """EventBridge's semantics, from its documentation: days of the week by name, '?' restricts nothing."""
    minute, hour, day, month, weekday, year = expression.removeprefix("cron(").removesuffix(")").split()
    assert year == "*"
    assert (day == "?") != (weekday == "?")
    numbers = ((minute, moment.minute), (hour, moment.hour), (day, moment.day), (month, moment.month))
    return all(text in ("*", "?") or _holds(text, value) for text, value in numbers) and (
        weekday == "?" or moment.strftime("%a").upper() in weekday.split(",")
    )


def _holds(text: str, value: int) -> bool:
    spans = [part.split("-") for part in text.split(",")]
    return any(int(span[0]) <= value <= int(span[-1]) for span in spans)


@given(SCHEDULES, st.datetimes(datetime(2026, 1, 1), datetime(2032, 1, 1)))
def test_aws_runs_it_when_kubernetes_does(schedule, moment):
    start = moment.replace(second=0, microsecond=0, tzinfo=UTC)
    expression = eventbridge_cron(schedule)
    assert len(expression) <= LONGEST_EXPRESSION
    for fires in islice(CronSim(schedule, start), 3):
        assert aws_fires(expression, fires)
        before = fires - timedelta(minutes=1)
        assert aws_fires(expression, before) == (next(CronSim(schedule, before - timedelta(seconds=1))) == before)
