"""Which files a .dockerignore lets through: tables from Docker's documentation and BuildKit's own tests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.dockerignore import BadPattern, IgnoreRules


def left_out(rules: IgnoreRules, path: str) -> bool:
    """Asks as a builder does: folder by folder, from the top."""
    hits = rules.at_the_top
    outcome = False
    parts = path.split("/")
    for depth in range(1, len(parts) + 1):
        outcome, hits = rules.decide("/".join(parts[:depth]), hits)
    return outcome


def is_left_out(text: str | bytes, path: str) -> bool:
    return left_out(IgnoreRules(text.encode() if isinstance(text, str) else text), path)


# From https://docs.docker.com/build/concepts/context/#dockerignore-files: (file, what it excludes, what it does not).
DOCUMENTED = [
    ("# comment\n*/temp*\n", ["some/temporary.txt", "some/temp"], ["temp", "a/b/temp"]),
    ("*/*/temp*\ntemp?\n", ["a/b/temporary.txt", "tempa"], ["temp", "a/b/c/temp"]),
    ("**/*.go", ["a.go", "a/b.go", "a/b/c.go"], ["a.gox", "go"]),
    ("*.md\n!README.md", ["a.md"], ["README.md", "docs/a.md"]),
    ("*.md\n!README*.md\nREADME-secret.md", ["README-secret.md", "a.md"], ["README-a.md", "README.md"]),
    ("*.md\nREADME-secret.md\n!README*.md", ["a.md"], ["README-secret.md", "README.md"]),
    ("/foo/bar", ["foo/bar", "foo/bar/x"], ["foo", "a/foo/bar"]),
    ("foo/bar", ["foo/bar"], ["foo/barn", "a/foo/bar"]),
    ("/foo/bar/", ["foo/bar/x"], ["foo"]),
    ("a /", ["a"], ["b"]),
    ("*\n!src", ["a", "a/b"], ["src", "src/a/b"]),
    (".", [], ["a", "a/b"]),
    ("Dockerfile\n.dockerignore", ["Dockerfile", ".dockerignore"], ["a/Dockerfile"]),
]  # fmt: skip

# From the tests of moby/patternmatcher: (pattern, path, whether it matches the path or one of its folders).
MATCHED = [
    ("**", "file", True),
    ("**", "dir/file", True),
    ("**/", "file", True),
    ("**/**", "dir/file", True),
    ("dir/**", "dir/file", True),
    ("dir/**", "dir/dir2/file", True),
    ("dir/**", "dir", False),
    ("**/dir", "dir", True),
    ("**/dir", "dir/file", True),
    ("**/dir2/*", "dir/dir2/file", True),
    ("**/dir2/**", "dir/dir2/dir2/file", True),
    ("**file", "file", True),
    ("**file", "dir/dir/file", True),
    ("**/file", "dir/file", True),
    ("**file*", "dir/file.txt", True),
    ("**/file*txt", "dir/dir/file.txt", True),
    ("**/file*.txt*", "dir/dir/file.txt", True),
    ("**/*.txt", "dir/file.txt", True),
    ("a**b", "ab", True),
    ("a**b", "ax/b", True),
    ("a**b", "axb", False),
    ("a[b-d]e", "ace", True),
    ("a[b-d]e", "aae", False),
    ("a[^b-d]e", "aze", True),
    (".*", ".foo", True),
    (".*", "foo", False),
    ("abc.def", "abcZdef", False),
    ("abc?def", "abcZdef", True),
    ("abc?def", "abcdef", False),
    ("a\\*b", "a*b", True),
    ("a\\*b", "axb", False),
    ("a\\\\", "a\\", True),
    ("a/../b/./c//", "b/c", True),
    ("../a", "a", False),
    ("A", "a", False),
    ("\u00e4?", "\u00e4\u00f6", True),
    ("a b", "a b", True),
    ("*.txt", "a/b.txt", False),
    ("*/a", "x/a", True),
    ("a(b)+", "a(b)+", True),
    ("a(b)*", "a(b)x", True),
    ("a{1}|$?", "a{1}|$x", True),
]


@pytest.mark.parametrize(("text", "out", "kept"), DOCUMENTED)
def test_the_examples_of_dockers_documentation(text, out, kept):
    rules = IgnoreRules(text.encode())
    assert [path for path in out if not left_out(rules, path)] == []
    assert [path for path in kept if left_out(rules, path)] == []


@pytest.mark.parametrize(("pattern", "path", "matched"), MATCHED)
def test_a_pattern_matches_as_in_the_builder(pattern, path, matched):
    assert is_left_out(pattern, path) is matched


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (b"\xef\xbb\xbfsecret", "secret"),
        (b"secret\r\nother\r\n", "secret"),
        (b"\t secret \n", "secret"),
        (b" # no comment", "# no comment"),
        (b"!  a\nsecret", "secret"),
        (b"*\n! a\n", "b"),
        (b"*\n!a\na/b", "a/b"),
        (b"caf\xe9", b"caf\xe9".decode("utf-8", "surrogateescape")),
    ],
)
def test_a_line_is_read_as_by_the_builder(text, path):
    assert is_left_out(text, path)


@pytest.mark.parametrize("text", [b"# secret", b"", b"\n\n", b"*\n!/secret/", b"*\n! secret", b"\xef\xbb\xbf#secret"])
def test_what_no_line_excludes_is_included(text):
    assert not is_left_out(text, "secret")


def test_the_last_line_that_matches_decides():
    assert not is_left_out("a\n!a", "a")
    assert is_left_out("a\n!a\na", "a")


def test_a_line_that_changes_nothing_for_a_folder_is_no_match_for_its_entries():
    """BuildKit does not try the third line on `a`, which is already excluded, so the line does not count for `a/b` either."""
    assert not is_left_out("a\n!a/b\na", "a/b")
    assert is_left_out("a\n!a/b\na", "a/c")


@pytest.mark.parametrize("line", ["!", "!/", "a[", "a[]b]", "[^]", "[a-]", "[-a]", "a\\", "[z-a]", "\\d"])
def test_a_line_that_docker_refuses_is_reported_with_its_number(line):
    with pytest.raises(BadPattern) as caught:
        IgnoreRules(f"# first\nfine\n{line}\n".encode())
    assert (caught.value.number, caught.value.line) == (3, line)


LINES = st.lists(
    st.builds(
        "{}{}".format,
        st.sampled_from(["", "!"]),
        st.sampled_from(
            ["a", "b", "a/b", "a/*", "*", "**/b", "a/**", "**", "*/b", "a/b/c", "?/c", "[ab]/c", "**/c/**"]
        ),
    ),
    max_size=5,
)
PATHS = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map("/".join)


@given(LINES, PATHS)
def test_no_folder_with_included_entries_is_skipped(lines, path):
    """`may_bring_back` saves work, and must never change the outcome."""
    rules = IgnoreRules("\n".join(lines).encode())
    if left_out(rules, path):
        return
    parts = path.split("/")
    for depth in range(1, len(parts)):
        folder = "/".join(parts[:depth])
        assert not left_out(rules, folder) or rules.may_bring_back(folder)


@given(LINES, PATHS)
def test_a_last_line_with_an_exclamation_mark_undoes_all_earlier_ones(lines, path):
    rules = IgnoreRules("\n".join([*lines, f"!{path}"]).encode())
    assert not left_out(rules, path)
