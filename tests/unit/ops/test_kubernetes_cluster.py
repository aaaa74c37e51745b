"""Whatever is wrong with the user's cluster is one line with exit code 2, before anything is built."""

import io
import os
import tarfile
import zipfile
from importlib import metadata

import pytest

from ops.errors import OpsError
from ops.local.kubernetes import cluster as clusters
from ops.local.kubernetes import delivery, endpoint, kubectl
from ops.local.workspace import Workspace
from ops.process import Finished
from tests.fakes.aws import FakeTarget
from tests.fakes.engine import FakeEngine
from tests.fakes.kubectl import FakeCluster


@pytest.fixture
def find(tmp_path, cluster):
    """Looks for the cluster, with a user's variables."""
    workspace = Workspace(tmp_path)
    workspace.prepare()

    def look(**environ):
        own = {"PATH": str(cluster.folder), "KUBECONFIG": str(cluster.kubeconfig), "KUBERNETES_REGISTRY": "r.example/x"}
        return clusters.given_cluster({**own, **environ}, target=FakeTarget(), workspace=workspace)

    return look


def refused(call, **environ):
    with pytest.raises(OpsError) as caught:
        call(**environ)
    assert caught.value.exit_code == 2
    assert "\n" not in caught.value.message
    return caught.value.message


def test_without_kubeconfig_there_is_none(find):
    assert find(KUBECONFIG="") is None


def test_a_path_that_does_not_exist_is_refused(find, tmp_path):
    assert "there is no such file" in refused(find, KUBECONFIG=str(tmp_path / "none"))


def test_a_list_is_taken_as_kubectl_takes_it(find, tmp_path, cluster):
    listed = f"{tmp_path / 'none'}{os.pathsep}{cluster.kubeconfig}"
    found = find(KUBECONFIG=listed)
    assert found.kubectl.env["KUBECONFIG"] == listed
    assert "there is no such file" in refused(find, KUBECONFIG=f"{tmp_path / 'a'}{os.pathsep}{tmp_path / 'b'}")


def test_a_relative_path_is_kept_as_an_absolute_one(find, cluster, monkeypatch):
    monkeypatch.chdir(cluster.folder)
    assert find(KUBECONFIG="config").kubectl.env["KUBECONFIG"] == str(cluster.kubeconfig)


def test_no_current_context_is_refused(find, cluster):
    cluster.write(context="")
    assert refused(find).endswith("config: current-context is not set")


def test_a_cluster_that_does_not_answer_is_one_line(find, cluster):
    cluster.write(down="E1125 memcache.go: first\nThe connection to the server 10.0.0.1 was refused")
    said = refused(find)
    assert said.startswith(
        "the cluster of kind-test does not answer: The connection to the server 10.0.0.1 was refused;"
    )


def test_the_context_is_fixed_for_the_whole_run(find, cluster):
    found = find()
    cluster.write(context="another")
    found.kubectl.run("get", "nodes")
    assert cluster.calls[-1].startswith("--context kind-test ")


def test_no_account_of_the_user_reaches_kubectl(find):
    env = find(AWS_PROFILE="mine", AWS_ACCESS_KEY_ID="AKIA", HTTPS_PROXY="http://p", HOME="/home/me").kubectl.env
    assert "AWS_PROFILE" not in env
    assert env["AWS_ACCESS_KEY_ID"] == "000000000000"
    assert (env["HTTPS_PROXY"], env["HOME"]) == ("http://p", "/home/me")


class TestProgram:
    @pytest.fixture
    def package(self, tmp_path, monkeypatch):
        """CDK's package with a kubectl in it, on the platform that it is built for."""
        layer = io.BytesIO()
        with zipfile.ZipFile(layer, "w") as archive:
            archive.writestr(kubectl.LAYER_KUBECTL, "#!/bin/sh\necho from the layer\n")
        file = tmp_path / "layer.jsii.tgz"
        with tarfile.open(file, "w:gz") as archive:
            entry = tarfile.TarInfo(kubectl.LAYER_ZIP)
            entry.size = len(layer.getvalue())
            archive.addfile(entry, io.BytesIO(layer.getvalue()))

        class Distribution:
            files = (file,)

            def locate_file(self, found):
                return found

        monkeypatch.setattr(metadata, "distribution", lambda _: Distribution())
        monkeypatch.setattr(kubectl.platform, "system", lambda: "Linux")
        monkeypatch.setattr(kubectl.platform, "machine", lambda: "x86_64")
        return Workspace(tmp_path)

    def test_the_users_own_comes_first(self, package, cluster):
        assert kubectl.find_program({"PATH": str(cluster.folder)}, package) == cluster.program

    def test_else_the_one_in_cdks_package_is_used(self, package):
        program = kubectl.find_program({"PATH": "/nowhere"}, package)
        assert kubectl.capture([program]).out == "from the layer\n"
        assert kubectl.find_program({"PATH": "/nowhere"}, package) == program

    def test_on_another_platform_a_missing_kubectl_says_so(self, package, monkeypatch):
        monkeypatch.setattr(kubectl.platform, "system", lambda: "Darwin")
        said = refused(lambda: kubectl.find_program({"PATH": "/nowhere"}, package))
        assert "kubectl is not on PATH; install it" in said

    def test_the_real_package_has_it_where_the_code_looks(self):
        files = metadata.distribution(kubectl.LAYER_PACKAGE).files
        [archive] = [file for file in files if file.name.endswith(".jsii.tgz")]
        with tarfile.open(str(archive.locate())) as package:
            layer = io.BytesIO(package.extractfile(kubectl.LAYER_ZIP).read())
        with zipfile.ZipFile(layer) as content:
            assert kubectl.LAYER_KUBECTL in content.namelist()


def node(name="n", *, provider="", labels=None, address="203.0.113.1", images=()):
    return {
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {"providerID": provider},
        "status": {
            "addresses": [{"type": "InternalIP", "address": address}],
            "images": [{"names": [image]} for image in images],
        },
    }


class TestDelivery:
    REGISTRY = "localhost:4999"
    NAME = "localhost:4999/harbour/web:eks-1"

    @pytest.fixture
    def tools(self, tmp_path, monkeypatch):
        """kind, k3d and minikube on PATH, each of which records how it was called."""
        folder = tmp_path / "tools"
        folder.mkdir()
        for name in ("kind", "k3d", "minikube"):
            (folder / name).write_text(f'#!/bin/sh\necho {name} "$@" >> {folder}/calls\n')
            (folder / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        return folder

    def choose(self, context="remote", nodes=(), **environ):
        return delivery.choose(
            {"PATH": os.environ["PATH"], **environ}, context=context, nodes=nodes, registry=self.REGISTRY
        )

    @pytest.mark.parametrize(
        ("context", "nodes", "called"),
        [
            ("kind-a", [], f"kind load docker-image {NAME} --name a"),
            ("renamed", [node(provider="kind://docker/a/a-control-plane")], f"kind load docker-image {NAME} --name a"),
            ("k3d-a", [], f"k3d image import {NAME} --cluster a"),
            ("renamed", [node("k3d-a-server-0")], f"k3d image import {NAME} --cluster a"),
            ("minikube", [], f"minikube --profile minikube image load {NAME}"),
            ("x", [node(labels={"minikube.k8s.io/name": "x"})], f"minikube --profile x image load {NAME}"),
        ],
    )
    def test_each_tool_loads_images_by_its_own_command(self, tmp_path, tools, context, nodes, called):
        found = self.choose(context, nodes)
        assert found.registry == self.REGISTRY
        self.deliver(tmp_path, found, nodes)
        assert (tools / "calls").read_text() == f"{called}\n"

    def deliver(self, tmp_path, found, nodes=(), names=(NAME,)):
        Workspace(tmp_path).prepare()
        self.engine = FakeEngine(tmp_path / "engine")
        return delivery.deliver(
            found,
            names,
            nodes=nodes,
            local_registry=self.REGISTRY,
            engine=self.engine.engine,
            workspace=Workspace(tmp_path),
        )

    def test_an_image_that_every_node_holds_is_not_loaded_again(self, tmp_path, tools):
        nodes = [node(images=[self.NAME]), node()]
        assert self.deliver(tmp_path, self.choose("kind-a"), nodes) == [self.NAME]
        assert self.deliver(tmp_path, self.choose("kind-a"), nodes[:1]) == []

    def test_a_tool_that_is_not_there_is_named(self, monkeypatch):
        monkeypatch.setenv("PATH", "/nowhere")
        assert "kind, which loads images into it, is not on PATH" in refused(lambda: self.choose("kind-a"))

    def test_a_registry_of_the_user_gets_the_images(self, tmp_path):
        found = self.choose(KUBERNETES_REGISTRY="registry.example:5000/team")
        name = "registry.example:5000/team/harbour/web:eks-1"
        assert self.deliver(tmp_path, found, names=[name]) == [name]
        assert self.engine.calls("tag") == [f"tag {self.NAME} {name}"]
        assert self.engine.calls("push") == [f"push {name}"]

    @pytest.mark.parametrize("wrong", ["https://registry.example", "a b", "host:port", "host/"])
    def test_what_is_no_registry_is_refused(self, wrong):
        assert "not a registry" in refused(lambda: self.choose(KUBERNETES_REGISTRY=wrong))

    def test_a_command_of_the_user_gets_an_archive(self, tmp_path):
        found = self.choose(KUBERNETES_LOAD=f"cat > {tmp_path}/got")
        Workspace(tmp_path).prepare()
        fake = FakeEngine(tmp_path / "engine")
        fake.answers("save", 'echo "$@" > "$3"')
        delivery.deliver(
            found,
            [self.NAME],
            nodes=(),
            local_registry=self.REGISTRY,
            engine=fake.engine,
            workspace=Workspace(tmp_path),
        )
        assert (tmp_path / "got").read_text().split()[-1] == self.NAME
        assert not (tmp_path / ".local" / "images.tar").exists()

    @pytest.mark.parametrize(
        ("context", "nodes"), [("docker-desktop", []), ("colima", []), ("x", [node(address="127.0.0.1")])]
    )
    def test_nodes_that_share_this_machines_images_need_nothing(self, context, nodes):
        assert self.choose(context, nodes).how == "held"

    def test_any_other_cluster_is_refused_with_what_to_set(self):
        said = refused(lambda: self.choose("remote", [node()]))
        assert "the nodes of remote cannot pull from localhost:4999" in said
        assert "KUBERNETES_REGISTRY" in said
        assert "KUBERNETES_LOAD" in said

    def test_a_tool_that_fails_is_one_line(self, tmp_path, tools):
        (tools / "kind").write_text("#!/bin/sh\necho 'ERROR: no nodes found' >&2\nexit 1\n")
        with pytest.raises(OpsError, match=r"^kind could not load the images into the cluster: ERROR: no nodes found$"):
            self.deliver(tmp_path, self.choose("kind-a"))


@pytest.mark.parametrize("wrong", ["https://10.0.0.1:4566", "10.0.0.1:4566", "http://", "http://h:1/path"])
def test_an_address_for_pods_that_is_none_is_refused(wrong):
    assert "not an address" in refused(lambda: endpoint.check_given({"KUBERNETES_ENDPOINT": wrong}))


def test_one_broken_aggregated_api_is_no_reason_to_stop(cluster):
    listed = FakeCluster(cluster.folder).read()["served"]
    partial = kubectl.Kubectl(cluster.program, {})
    script = f"#!/bin/sh\ncat <<'X'\n{listed}X\necho 'error: unable to retrieve: metrics.k8s.io/v1beta1' >&2\nexit 1\n"
    cluster.program.write_text(script)
    assert kubectl.served(partial)["apps", "Deployment"].name == "deployments.apps"


def test_warnings_are_not_refusals():
    done = Finished(1, "", 'Warning: deprecated\nError from server: a "x" is forbidden\nerror: b\nerror: b\n')
    assert kubectl.refusals(done) == ['Error from server: a "x" is forbidden', "b"]
