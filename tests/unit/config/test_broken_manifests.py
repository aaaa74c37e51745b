"""However a valid manifest is broken, the user sees one line, exit code 2 and never a traceback."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from config.catalog import load_catalog
from config.errors import ConfigError
from config.service import manifest_fields
from config.strict_yaml import LARGEST_FILE
from ops.__main__ import main
from tests.unit.config.project import ROOT, Project, assert_one_line

GOOD: dict[str, Any] = {
    "kind": "http",
    "description": "Tracks shipments",
    "platforms": ["ecs", "eks"],
    "port": 8080,
    "path": "/tracking",
    "health": "/healthz",
    "cpu": 256,
    "memory": 512,
    "scaling": {"min": 1, "max": 4, "cpu_target": 60},
    "environment": {"LOG_LEVEL": "info"},
    "secrets": {"KEY": {"ssm": "/harbour/key"}},
    "table": {"partition_key": "id", "ttl": "expires"},
    "stop_timeout": 30,
    "overrides": {"production": {"memory": 1024}},
}
REQUIRED = ("kind", "description", "port", "health", "cpu", "memory")
WRONG_TYPES: dict[str, list[Any]] = {
    "number": ["text", "8080", [1], {"a": 1}, True, 1.5, -1, 10**15],
    "text": [5, True, ["a"], {"a": "b"}, ""],
    "list": ["ecs", 5, True, {"a": "b"}, [5], [[]], []],
    "mapping": ["text", 5, True, ["a"], {"a b": 5}, {"": ""}],
}
TYPES = {
    "number": ("port", "cpu", "memory", "stop_timeout"),
    "text": ("kind", "description", "path", "health"),
    "list": ("platforms",),
    "mapping": ("scaling", "environment", "secrets", "table", "overrides"),
}
BAD_VALUES: dict[str, list[Any]] = {
    "kind": ["web", "HTTP", "worker", "job"],
    "port": [80, 65536, 0],
    "path": ["tracking", "/Tracking", "//", "/a/", "/a b", "/*"],
    "paths": [["/tracking"], ["/tracking/x"], ["x"], [], "/x"],
    "hosts": [["example"], ["*"], ["EXAMPLE.com"], [], ["a.example.com", "a.example.com"]],
    "protocol": ["tcp", "grpc", "udp"],
    "private_port": [8080, 80, "9090"],
    "sticky": [0, 604801],
    "health": ["healthz", "/h z", "/?"],
    "cpu": [250, 20000],
    "memory": [500, 2**20],
    "platforms": [["ecs", "ecs"], ["lambda"]],
    "stop_timeout": [0, 1, 121],
    "scaling": [{"min": 4, "max": 2}, {"max": 5}, {"min": 0}, {"max": 2, "requests_target": 5}],
    "secrets": [{"KEY": {}}, {"PORT": {"ssm": "/a"}}, {"KEY": {"ssm": "a"}}],
    "environment": [{"AWS_REGION": "x"}, {"A-B": "x"}, {"A": 5}, {"TRACKING_TABLE": "x"}],
    "table": [{}, {"partition_key": "a", "sort_key": "a"}, {"partition_key": ""}],
    "calls": [["tracking"], ["nobody"], "web"],
    "schedule": ["* * * * *"],
    "name": ["tracking"],
    "overrides": [{"nowhere": {}}, {"sandbox": {"port": 80}}, {"sandbox": {"overrides": {}}}],
}


def dump(manifest: dict[str, Any]) -> bytes:
    return yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True).encode()


def _drop(key: str) -> bytes:
    return dump({k: v for k, v in GOOD.items() if k != key})


def _replace(pair: tuple[str, Any]) -> bytes:
    return dump({**GOOD, pair[0]: pair[1]})


def _insert(pair: tuple[int, bytes]) -> bytes:
    lines = dump(GOOD).splitlines(keepends=True)
    at = pair[0] % (len(lines) + 1)
    return b"".join([*lines[:at], pair[1], *lines[at:]])


def _pairs(values: dict[str, list[Any]]) -> list[tuple[str, Any]]:
    return [(key, value) for key, listed in values.items() for value in listed]


WORDS = st.from_regex(r"[a-z_]{3,12}", fullmatch=True).filter(lambda word: word not in manifest_fields())
BREAKS: dict[str, st.SearchStrategy[bytes]] = {
    "a required key is dropped": st.sampled_from(REQUIRED).map(_drop),
    "a value has another type": st.sampled_from(
        [(field, value) for kind, fields in TYPES.items() for field in fields for value in WRONG_TYPES[kind]]
    )
    .filter(lambda pair: not (pair[0] in ("environment", "secrets", "overrides") and pair[1] in ({}, [])))
    .map(_replace),
    "a value is out of bounds": st.sampled_from(_pairs(BAD_VALUES)).map(_replace),
    "a key is unknown": st.tuples(WORDS.filter(lambda w: w != "overrides"), st.just("x")).map(_replace),
    "a key is written twice": st.sampled_from(sorted(GOOD)).map(lambda key: dump(GOOD) + f"{key}: again\n".encode()),
    "bytes are not text": st.tuples(st.integers(0, 30), st.sampled_from([b"\xff\xfe", b"\xc3\x28", b"\x80"])).map(
        _insert
    ),
    "bytes are forbidden": st.tuples(st.integers(0, 30), st.sampled_from([b"\x00", b"\x07", b"\x1b[31m\n"])).map(
        _insert
    ),
    "a tab indents": st.tuples(st.integers(0, 30), st.just(b"\tkey: value\n")).map(_insert),
    "a line is not YAML": st.tuples(
        st.integers(0, 30), st.sampled_from([b"}{\n", b"'\n", b"a: b: c\n", b"@x\n", b"%\n"])
    ).map(_insert),
    "anchors and tags": st.sampled_from([b"x: &a b\n", b"x: *a\n", b"x: !!binary aGk=\n", b"<<: *a\n"]).map(
        lambda b: dump(GOOD) + b
    ),
    "a second document": st.just(dump(GOOD) + b"---\nkind: http\n"),
    "a value is missing": st.sampled_from(sorted(GOOD)).map(lambda key: _drop(key) + f"{key}:\n".encode()),
    "only a part is left": st.integers(0, len(dump(GOOD)) // 3).map(lambda n: dump(GOOD)[:n]),
    "nothing is left": st.sampled_from([b"", b"\n", b"# x\n", b"{}\n", b"[]\n", b"- a\n", b"5\n", b"null\n"]),
    "it is far too long": st.just(b"# " + b"x" * LARGEST_FILE),
    "it is far too deep": st.just(b"table: " + b"{a: " * 5000),
}


def test_the_manifest_that_is_broken_below_is_valid(project):
    project.service("tracking", dump(GOOD))
    assert project.fault("sandbox") == project.fault("production") == ""


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), how=st.sampled_from(sorted(BREAKS)))
def test_two_hundred_broken_manifests_give_one_line_each(project: Project, data, how):
    raw = data.draw(BREAKS[how])
    project.service("tracking", raw)
    with pytest.raises(ConfigError) as caught:
        load_catalog(project.root, project.settings())
    text = str(caught.value)
    assert_one_line(text)
    assert text.startswith("services/tracking/service.yaml: ")
    assert len(text) < 500


VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.text(max_size=8),
        st.sampled_from(["ecs", "http", "/a", "* * * * *"]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)
FIELDS = st.sampled_from([*manifest_fields(), "overrides"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.dictionaries(FIELDS, VALUES, min_size=1, max_size=3),
    where=st.sampled_from(["", "sandbox", "production"]),
)
def test_any_value_of_a_field_is_accepted_or_gives_one_line(project: Project, changes, where):
    manifest = {**GOOD, "overrides": {where: changes}} if where else {**GOOD, **changes}
    project.service("tracking", dump(manifest))
    project.fault()


@pytest.mark.parametrize("how", sorted(BREAKS))
def test_every_kind_of_breakage_is_exit_code_2_and_one_line(project: Project, capsys, how):
    project.service("tracking", example(BREAKS[how]))
    assert main(["check", "--root", str(project.root), "--env", "sandbox"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert_one_line(printed.err.rstrip("\n"))


@pytest.mark.parametrize("how", ["bytes are forbidden", "a value has another type", "it is far too deep"])
def test_the_output_is_the_same_whatever_the_terminal_can_print(project: Project, how):
    project.service("tracking", example(BREAKS[how]))
    command = [sys.executable, "-m", "ops", "check", "--root", str(project.root), "--env", "sandbox"]
    run = subprocess.run(
        command, cwd=ROOT, env={"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}, capture_output=True, text=True, check=False
    )
    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr.count("\n") == 1
    assert "Traceback" not in run.stderr
    assert_one_line(run.stderr.rstrip("\n"))


def test_a_key_that_the_terminal_cannot_print_is_shown_escaped(project: Project):
    project.service("tracking", dump({**GOOD, "schlüssel→\u202e": "x"}))
    command = [sys.executable, "-m", "ops", "check", "--root", str(project.root), "--env", "sandbox"]
    run = subprocess.run(
        command, cwd=ROOT, env={"PYTHONIOENCODING": "ascii"}, capture_output=True, text=True, check=False
    )
    assert run.returncode == 2
    assert "schl\\xfcssel\\u2192" in run.stderr
    assert run.stderr.count("\n") == 1


def example(strategy: st.SearchStrategy[bytes]) -> bytes:
    """One value of a strategy, the same in every run."""
    found: list[bytes] = []

    @settings(max_examples=1, phases=[Phase.generate], derandomize=True, database=None)
    @given(strategy)
    def take(raw: bytes) -> None:
        found.append(raw)

    take()
    return found[0]
