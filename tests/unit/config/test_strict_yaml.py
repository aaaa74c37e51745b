"""YAML is read without coercion, and everything odd about it is one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from config import strict_yaml
from config.errors import ConfigError
from config.strict_yaml import LARGEST_FILE, flow, read_mapping, scalar, without_nulls
from tests.unit.config.project import assert_one_line


def read(tmp_path: Path, raw: bytes | str) -> dict[str, object]:
    path = tmp_path / "x.yaml"
    path.write_bytes(raw if isinstance(raw, bytes) else raw.encode())
    return read_mapping(path, "x.yaml")


def fault(tmp_path: Path, raw: bytes | str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, raw)
    assert_one_line(str(caught.value))
    return str(caught.value)


@pytest.mark.parametrize(
    "text", ["yes", "no", "on", "off", "True", "012", "1:30", "0x1f", "1_000", "1.36", "1e3", "~", ".inf"]
)
def test_text_that_yaml_1_1_would_convert_stays_text(tmp_path, text):
    assert read(tmp_path, f"key: {text}\n") == {"key": text}


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("false", False), ("0", 0), ("8080", 8080), ("-3", -3), ("null", None)]
)
def test_only_plain_words_and_whole_numbers_are_typed(tmp_path, text, value):
    assert read(tmp_path, f"key: {text}\n") == {"key": value}
    assert read(tmp_path, f'key: "{text}"\n') == {"key": text}


def test_a_number_too_long_for_any_field_stays_text(tmp_path):
    assert read(tmp_path, f"key: {'9' * 5000}\n") == {"key": "9" * 5000}


def test_a_byte_order_mark_and_a_document_start_are_accepted(tmp_path):
    assert read(tmp_path, "\ufeff---\na: [1, {b: c}]\n") == {"a": [1, {"b": "c"}]}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "x.yaml: file: is empty; write 'key: value' lines"),
        (b"# only a comment\n", "x.yaml: file: is empty; "),
        (b"---\n", "x.yaml: file: is empty; "),
        (b"{}\n", "x.yaml: file: is empty; "),
        (b"- a\n- b\n", "x.yaml: file: contains a list at the top; write 'key: value' lines"),
        (b"just words\n", "x.yaml: file: contains a single value at the top; "),
        (b"a: 1\nb: \xff\xfe\n", "x.yaml: line 2: is not UTF-8; save the file as UTF-8"),
        ("a: 1\n".encode("utf-16"), "x.yaml: line 1: is not UTF-8; "),
        (b"a: 1\n\tb: 2\n", "x.yaml: line 2: contains a tab; indent with two spaces per level"),
        (b"a: 1\nb:\t2\n", "x.yaml: line 2: contains a tab; "),
        (b"a: 1\na: 2\n", "x.yaml: a (line 2): is written twice; keep one of the two"),
        (b"a:\n  b: 1\n  'b': 2\n", "x.yaml: a.b (line 3): is written twice; "),
        (b"a: &x 1\n", "x.yaml: a (line 1): has the anchor &x; remove it"),
        (b"a: *x\n", "x.yaml: "),
        (b"a: &x {b: c}\nd: *x\n", "x.yaml: a (line 1): has the anchor &x; "),
        (b"a: !!int '5'\n", "x.yaml: a (line 1): has the tag tag:yaml.org,2002:int; remove the tag"),
        (b"a: !!python/object/apply:os.system [id]\n", "x.yaml: a (line 1): has the tag "),
        (b"a: 1\n---\nb: 2\n", "x.yaml: line 2: starts a second document; keep one per file"),
        (b"a:\n", "x.yaml: a (line 1): has no value; write one, or remove the line"),
        (b"a: */5 * * * *\n", "x.yaml: line 1: is not YAML: did not find expected alphabetic or numeric character; "),
        (b"b: c\na: @x  \n", 'put the value in quotes: a: "@x"'),
        (b"a: [b,,c]\n", "x.yaml: line 1: is not YAML: "),
        (b"a: b: c\n", "x.yaml: line 1: is not YAML: "),
        (b"a: 'open\n", "x.yaml: line "),
        (b"a: \x00\n", "x.yaml: "),
        (b"8080: a\n", "x.yaml: line 1: has the key 8080, which is not text; put it in quotes"),
        (b"true: a\n", "x.yaml: line 1: has the key true, which is not text; "),
        (b"[a]: b\n", "x.yaml: line 1: has a key that is not text; write keys as plain words"),
        (b"? \n: b\n", "x.yaml: line 1: has a key that is not text; "),
        (b"a: " + b"[" * 30 + b"]" * 30 + b"\n", "is nested deeper than 8 levels; "),
        (b"a: " + b"[" * 100_000, "x.yaml: "),
    ],
)
def test_anything_odd_is_one_line_with_its_place(tmp_path, raw, message):
    assert message in fault(tmp_path, raw)


def test_a_key_with_line_ends_stays_one_line(tmp_path):
    assert "has no value" in fault(tmp_path, b'"a\\nb": \n')


def test_ten_megabytes_are_refused_before_they_are_read(tmp_path, monkeypatch):
    path = tmp_path / "x.yaml"
    path.write_bytes(b"a: b\n" * 2_000_000)
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("was read"))
    with pytest.raises(ConfigError, match=f"has 10000000 bytes, more than {LARGEST_FILE}; keep data out of it"):
        read_mapping(path, "x.yaml")


def test_a_folder_instead_of_the_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"^x\.yaml: file: is not a regular file; put a YAML file there$"):
        read_mapping(tmp_path, "x.yaml")


def test_a_file_that_cannot_be_read_says_why(tmp_path, monkeypatch):
    def denied(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", denied)
    assert "x.yaml: file: cannot be read (Permission denied); make it readable" in fault(tmp_path, b"a: b\n")


@given(st.binary(max_size=200))
def test_any_bytes_give_a_mapping_or_one_line(tmp_path_factory, raw):
    try:
        assert isinstance(read(tmp_path_factory.getbasetemp(), raw), dict)
    except ConfigError as error:
        assert_one_line(str(error))


def test_both_parsers_of_pyyaml_read_the_same(tmp_path, monkeypatch):
    text = "a: 1\nb: [yes, 'no', {c: null}]\nd: |\n  two\n  lines\n"
    fast = read(tmp_path, text)
    monkeypatch.setattr(strict_yaml, "_LOADER", yaml.SafeLoader)
    assert read(tmp_path, text) == fast
    assert "is written twice" in fault(tmp_path, "a: 1\na: 2\n")
    assert "is not YAML" in fault(tmp_path, "a: b: c\n")


@pytest.mark.parametrize(
    "value", [True, 5, "text", "5", "true", "a: b", "30 6 * * *", ["a", "1"], {"a": {"b": "x"}}, "", "#", "null"]
)
def test_an_example_that_a_message_shows_reads_back_as_meant(tmp_path, value):
    assert read(tmp_path, f"key: {flow(value)}\n") == {"key": value}


def test_half_a_character_is_refused_by_both_parsers(tmp_path, monkeypatch):
    text = 'a: "\\ud800"\n'
    assert fault(tmp_path, text).startswith("x.yaml: ")
    monkeypatch.setattr(strict_yaml, "_LOADER", yaml.SafeLoader)
    assert fault(tmp_path, text).startswith("x.yaml: a (line 1): contains half a character (a lone surrogate); ")


def test_null_means_not_set():
    assert without_nulls({"a": None, "b": {"c": None, "d": 1}, "e": []}) == {"b": {"d": 1}, "e": []}
    assert scalar("null") is None
