"""`python -m ops import`: detection, faults, what is written; and rules that hold for every format."""

import pytest

from config.manifest import load_service
from config.strict_yaml import read_mapping
from ops.__main__ import main
from ops.importing.command import read
from ops.importing.draft import Draft
from ops.importing.ledger import Ledger, leaves
from ops.importing.writer import render
from tests.conftest import ROOT
from tests.unit.ops.importing import test_compose, test_copilot, test_kubernetes

EXAMPLES = {
    "copilot": test_copilot.WEB
    + "exec: true\nvariables: {A: b, C: '${D}'}\nenvironments: {prod: {count: 3}, other: {cpu: 1024}}\n",
    "compose": test_compose.SHOP,
    "kubernetes": test_kubernetes.DEPLOYMENT + test_kubernetes.SERVICE + "---\n" + test_kubernetes.CRON,
}


@pytest.fixture
def project(tmp_path):
    """A project with the environments of this one and no service."""
    root = tmp_path / "project"
    (root / "config").mkdir(parents=True)
    (root / "services").mkdir()
    (root / "config/environments").symlink_to(ROOT / "config/environments")
    return root


def run(project, *arguments: str) -> int:
    return main(["import", *map(str, arguments), "--root", str(project)])


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_field_that_is_not_carried_over_has_a_note(imports, example):
    ledger = imports(EXAMPLES[example]).imported.drafts[0].ledger
    lost = [path for path, outcome in ledger.marks.items() if outcome == "not carried over"]
    noted = {note.path for note in ledger.notes}
    assert [path for path in lost if not any(path[:length] in noted for length in range(len(path) + 1))] == []
    assert all(note.problem and note.remedy for note in ledger.notes)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_field_has_one_outcome(imports, example):
    count = imports(EXAMPLES[example]).imported.count
    assert count.meant > 0
    assert min(count.carried, count.guessed, count.idle) > 0


def test_a_field_that_nobody_reads_is_lost_with_a_note():
    document = {"read": {"a": "1", "b": "2"}, "unread": {"c": ["3", "4"]}}
    ledger = Ledger()
    ledger.mark(("read", "a"), "carried over")
    ledger.settle(document)
    count = ledger.count(document)
    assert (count.carried, count.lost) == (1, 3)
    assert [note.path for note in ledger.notes] == [("read", "b"), ("unread",)]
    assert len(list(leaves(document))) == 4


@pytest.mark.parametrize("example", EXAMPLES)
def test_it_writes_a_manifest_for_each_service_and_says_so(project, tmp_path, capsys, example):
    source = tmp_path / "source.yml"
    source.write_text(EXAMPLES[example])
    assert run(project, source) == 0
    said = capsys.readouterr().out
    written = sorted(file.parent.name for file in project.glob("services/*/service.yaml"))
    assert written
    for name in written:
        assert f"wrote services/{name}/service.yaml: " in said
    assert "fields carried over (" in said


def test_a_manifest_with_only_fields_of_the_models_loads(project, tmp_path):
    source = tmp_path / "source.yml"
    source.write_text(
        "name: a\ntype: Load Balanced Web Service\nimage: {port: 8080}\nhttp: {path: a}\ncpu: 256\nmemory: 512\n"
    )
    assert run(project, source) == 0
    spec = load_service(project / "services/a", "sandbox", ("sandbox", "production"))
    assert (spec.kind, spec.path, spec.port) == ("http", "/a", 8080)


def test_what_does_not_load_yet_is_said(project, tmp_path, capsys):
    source = tmp_path / "source.yml"
    overrides = "taskdef_overrides: [{path: 'ContainerDefinitions[0].StopTimeout', value: 500}]\n"
    source.write_text("name: a\ntype: Load Balanced Web Service\nimage: {port: 8080}\n" + overrides)
    assert run(project, source) == 0
    assert "to mend: services/a/service.yaml: stop_timeout: " in capsys.readouterr().out


def test_nothing_is_overwritten_and_nothing_else_written(project, tmp_path, capsys):
    source = tmp_path / "compose.yml"
    source.write_text(test_compose.SHOP)
    (project / "services/api").mkdir()
    (project / "services/api/service.yaml").write_text("mine")
    assert run(project, source) == 2
    assert capsys.readouterr().err == (
        "error: services/api/service.yaml: is there already; remove it, or write under another --name\n"
    )
    assert [file.parent.name for file in project.glob("services/*/service.yaml")] == ["api"]


def test_if_one_manifest_cannot_be_written_none_is(project, tmp_path, capsys):
    source = tmp_path / "compose.yml"
    source.write_text(test_compose.SHOP)
    *_, last = read(str(source), ()).drafts
    (project / "services" / last.name).write_text("a file, not a folder")
    assert run(project, source) == 1
    caught = capsys.readouterr()
    said = f"services/{last.name}/service.yaml: not a directory; correct that and run it again"
    assert (caught.out, caught.err) == ("", f"error: {project}/{said}\n")
    assert [file.name for file in project.glob("services/*")] == [last.name]


def test_a_dry_run_prints_and_writes_nothing(project, tmp_path, capsys):
    source = tmp_path / "compose.yml"
    source.write_text(test_compose.SHOP)
    assert run(project, source, "--dry-run") == 0
    assert "# --- services/api/service.yaml\n" in capsys.readouterr().out
    assert list(project.glob("services/*")) == []


def test_one_service_under_another_name(project, tmp_path):
    source = tmp_path / "compose.yml"
    source.write_text(test_compose.SHOP)
    assert run(project, source, "--service", "mailer", "--name", "post") == 0
    assert [folder.name for folder in project.glob("services/*")] == ["post"]


def test_a_name_cannot_lead_out_of_the_services(project, tmp_path, capsys):
    source = tmp_path / "compose.yml"
    source.write_text(test_compose.SHOP)
    assert run(project, source, "--service", "mailer", "--name", "../out") == 2
    assert "services/../out: folder: is not a valid service name" in capsys.readouterr().err
    assert not (project / "out").exists()


def test_a_folder_of_manifests_is_read_as_one(project, tmp_path):
    folder = tmp_path / "k8s"
    folder.mkdir()
    (folder / "b.yaml").write_text(test_kubernetes.SERVICE.removeprefix("---\n"))
    (folder / "a.yaml").write_text(test_kubernetes.DEPLOYMENT)
    (folder / "kustomization.yaml").write_text("resources: [a.yaml]\n")
    assert run(project, folder) == 0
    assert "callers used 80" in (project / "services/shop/service.yaml").read_text()


BOMB = "services:\n" + "".join(
    f"  a{i}: &a{i} {{x: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" if i else "  a0: &a0 {x: y}\n" for i in range(9)
)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe\x00", "is not UTF-8; save it as UTF-8"),
        (b"a: [1", "line 1: is not YAML: "),
        (b"a: {{ .Values.b }}\nc: {{- d }}\n", "run `helm template` first and import what it prints"),
        (b"", "is not a Copilot manifest, a compose file or Kubernetes manifests"),
        (b"- a\n", "holds something other than 'key: value' lines"),
        (b"resource: {}\n", "is not a Copilot manifest, a compose file or Kubernetes manifests"),
        (b"name: a\ntype: Other\n", "is not a Copilot manifest"),
        (b"services: {db: {image: postgres}}\n", "has no service to write; not written: db (postgres)"),
        (b"services: {a_b: {image: x}, a-b: {image: y}}\n", "has two services that would both be a-b"),
        (b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n", "has no service to write"),
        (BOMB.encode(), "has aliases that make it too large"),
        (b"a: !!python/object/apply:os.system [x]\n", "is not a Copilot manifest"),
        (b"a: " + b"[" * 700 + b"]" * 700, "is not YAML"),
        (b"services: {kubernetes-a: {image: x}}\n", "has a name that is taken"),
    ],
    ids=lambda value: value[:24].decode("latin-1") if isinstance(value, bytes) else "",
)
def test_a_file_that_cannot_be_imported_is_one_line(project, tmp_path, capsys, content, said):
    source = tmp_path / "source.yml"
    source.write_bytes(content)
    assert run(project, source) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert list(project.glob("services/*")) == []


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "cannot be read (No such file or directory)"),
        (lambda path: path.mkdir(), "has no .yaml file"),
        (lambda path: (path.mkdir(), (path / "Chart.yaml").touch()), "is a Helm chart; run `helm template NAME"),
        (lambda path: path.write_bytes(b"a: b\n" * 600_000), "has more than 2097152 bytes"),
    ],
    ids=["nothing", "an empty folder", "a chart", "a huge file"],
)
def test_a_path_that_cannot_be_imported_is_one_line(project, tmp_path, capsys, make, said):
    make(tmp_path / "source")
    assert run(project, tmp_path / "source") == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "value",
    [
        "",
        " a ",
        "true",
        "12",
        "a: b",
        "a #b",
        "[x]",
        "'",
        '"',
        "\\",
        "tab\there",
        "two\nlines",
        "ümlaut",
        "😀",
        "\x7f",
        "\u2028",
        "*a",
        "!t",
    ],
)
def test_any_value_is_written_as_it_was(tmp_path, value):
    draft = Draft("a", "test", Ledger(), fields={"kind": "worker", "environment": {"A": value}})
    file = tmp_path / "a.yaml"
    file.write_text(render(draft, source="x", notes=[]), "utf-8")
    assert read_mapping(file, "a")["environment"]["A"] == value


def test_a_comment_never_ends_its_line_early(imports):
    result = imports(test_copilot.WEB + 'variables: {A: "${B}\\nkind: worker"}\n"odd\\nkey": x\n')
    assert result.only["kind"] == "http"


_POD = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [CONTAINER]}}}\n"
)
_INGRESS = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a}\nspec: {rules: [RULE]}\n"
_SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {a: b}, ports: [{port: 80}]}\n"
_LABELLED = _POD.replace("{template: {", "{template: {metadata: {labels: {a: b}}, ")
ODD = {
    "an alias inside itself": "services: &a {one: *a}\n",
    "a list as a variable": "services: {a: {image: docker.io/x/y:1, environment: {A: [b]}}}\n",
    "a list as a label": "services: {a: {image: docker.io/x/y:1, labels: {A: [b]}}}\n",
    "a list as Copilot's type": "name: a\ntype: [Backend Service]\n",
    "a list as a kind": "apiVersion: v1\nkind: [Deployment]\n",
    "a kind of two lines": 'apiVersion: v1\nkind: "a\\nb"\n',
    "a kind that is far too long": f"apiVersion: v1\nkind: {'x' * 3000}\n",
    "a list as a variable of a pod": _POD.replace("CONTAINER", "{name: a, image: 'docker.io/x/y:1', env: [[]]}"),
    "a list as a host": "---\n".join(
        (
            _LABELLED.replace("CONTAINER", "{name: a, image: 'docker.io/x/y:1', ports: [{containerPort: 80}]}"),
            _SERVICE,
            _INGRESS.replace("RULE", "{host: [b], http: {paths: [{path: /, backend: {service: {name: a}}}]}}"),
        )
    ),
}


@pytest.mark.parametrize("what", ODD)
def test_a_value_of_another_form_is_a_comment_or_one_line(project, tmp_path, capsys, what):
    file = tmp_path / "odd.yaml"
    file.write_text(ODD[what], "utf-8")
    code = run(project, file, "--dry-run")
    said = capsys.readouterr().err
    assert code == 0 or (code == 2 and said.count("\n") == 1 and len(said) < 500)


def test_a_name_that_is_no_services_is_refused_in_a_dry_run_too(project, tmp_path, capsys):
    file = tmp_path / "compose.yaml"
    file.write_text("services: {a: {image: 'docker.io/x/y:1'}}\n", "utf-8")
    assert run(project, file, "--dry-run", "--name", "../../x") == 2
    assert capsys.readouterr().err.startswith("services/../../x: folder: is not a valid service name")
