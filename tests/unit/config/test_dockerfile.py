"""The stages of a Dockerfile are found where BuildKit finds them, and lines are added without changing what is there."""

from __future__ import annotations

import pytest

from config.dockerfile import Dockerfile, Folder, from_image

CACHE = Folder("/var/cache/app", owner="1000:2000", mode="0755")

STAGES = {
    "one": ("FROM scratch\n", [None]),
    "names": ("FROM a AS one\nRUN x\nfrom b as Two\n", ["one", "Two"]),
    "flags": ("FROM --platform=$BUILDPLATFORM ${BASE}/x:1 AS one\n", ["one"]),
    "global arguments": ("ARG A=1\n# FROM comment\n\nFROM x:${A}\n", [None]),
    "continued": ("FROM \\\n  x \\\n# a comment between\n  AS one\n", ["one"]),
    "no FROM in a continued line": ("FROM x\nRUN psql -c 'SELECT 1 \\\nFROM t'\n", [None]),
    "no FROM in a here-document": ("FROM x\nRUN <<EOF\nFROM t AS no\nEOF\nFROM y AS yes\n", [None, "yes"]),
    "two here-documents": ("FROM x\nCOPY <<A <<-'B' /\nA\n\tFROM no\n\tB\nFROM y AS yes\n", [None, "yes"]),
    "a here-string is none": ("FROM x\nRUN cat <<<EOF\nFROM y AS yes\n", [None, "yes"]),
    "another escape": ("# escape=`\nFROM x `\n AS one\nRUN dir c:\\\nFROM y\n", ["one", None]),
    "carriage returns": ("FROM x AS one\r\nRUN a \\\r\n b\r\nFROM y\r\n", ["one", None]),
    "indented": ("  FROM x AS one\n", ["one"]),
    "nothing": ("# nothing\n", []),
}


@pytest.mark.parametrize("case", STAGES)
def test_the_stages_are_those_of_the_instructions(case):
    text, names = STAGES[case]
    assert [stage.name for stage in Dockerfile(text).stages] == names


def test_a_last_stage_without_a_name_gets_one_and_all_else_stays():
    text = "ARG A\nFROM x AS one\nFROM --platform=linux/amd64 \\\n  y\nRUN z"
    added = Dockerfile(text).with_folders([CACHE], None)
    kept = added.replace("  y AS container-services-image\n", "  y\n")
    assert kept.startswith(f"{text}\n")
    assert added.endswith(
        "FROM scratch AS container-services-folders\n"
        "WORKDIR /0/app\n"
        "FROM container-services-image\n"
        "COPY --from=container-services-folders --chown=1000:2000 --chmod=0755 /0/ /var/cache/\n"
        'VOLUME ["/var/cache/app"]\n'
    )


@pytest.mark.parametrize(("target", "stage"), [(None, "last"), ("first", "first")])
def test_a_stage_with_a_name_keeps_it(target, stage):
    text = "FROM x AS first\nFROM y AS last\n"
    added = Dockerfile(text).with_folders([CACHE], target)
    assert added.startswith(text)
    assert f"\nFROM {stage}\nCOPY" in added


def test_a_folder_at_the_top_is_copied_into_the_root():
    assert "--chmod=1777 /0/ /\n" in from_image("r/x:1", [Folder("/tmp", owner="0:0", mode="1777")])


@pytest.mark.parametrize(
    ("text", "target", "arguments", "base"),
    [
        ("FROM debian:12", None, {}, "debian:12"),
        ("FROM debian:12 AS build\nFROM alpine AS other\nFROM build", None, {}, "debian:12"),
        ("FROM debian:12 AS build\nFROM scratch", "build", {}, "debian:12"),
        ("FROM --platform=linux/arm64 debian AS a\nFROM A AS b", "b", {}, "debian"),
        ("ARG R=docker.io V\nFROM ${R}/debian:$V", None, {"V": "12"}, "docker.io/debian:12"),
        ("ARG R=docker.io\nFROM ${R}/debian", None, {"R": "mirror"}, "mirror/debian"),
        ("FROM $UNKNOWN/debian\nARG UNKNOWN=late", None, {}, "$UNKNOWN/debian"),
        ("FROM debian", "gone", {}, ""),
        ("RUN true", None, {}, ""),
    ],
)
def test_the_image_below_a_stage_is_found_through_stages_and_arguments(text, target, arguments, base):
    assert Dockerfile(text).base(target, arguments) == base
