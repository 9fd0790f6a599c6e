"""The manifests: valid by the schemas that Kubernetes and the Prometheus Operator publish, confined, and agreeing.

No cluster is asked. Those of Kubernetes come with a package that only the tests need; those of the operator lie in
schemas/, without their descriptions.
"""

import copy
import json
import re
import shutil
import subprocess
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.kubernetes import generate
from exporter.config.load import load
from tests.deploy.kustomize import Object, documents, rendered
from tests.deploy.rules import ROOT
from tests.deploy.test_prometheus import read

FOLDER = ROOT / "deploy" / "kubernetes"
BASE, SHARDED = rendered(FOLDER / "base"), rendered(FOLDER / "sharded")
BOTH = [pytest.param(BASE, id="base"), pytest.param(SHARDED, id="sharded")]

OPERATOR = "monitoring.coreos.com/v1"
OBJECTS = {
    f"{name}-{one['kind']}-{one['metadata']['name']}": one
    for name, objects in (("base", BASE), ("sharded", SHARDED))
    for one in objects
}
OF_THE_OPERATOR = {name: one for name, one in OBJECTS.items() if one["apiVersion"] == OPERATOR}
OF_KUBERNETES = {name: one for name, one in OBJECTS.items() if name not in OF_THE_OPERATOR}
# The oldest version that gives a pod its number as a label, and the newest that the package knows.
VERSIONS = ("1.28", "1.37")

# kubectl keeps what was applied in an annotation, unless the server does, and annotations hold no more than this.
LARGEST_BYTES = 262_144


def the(kind: str, objects: list[Object]) -> Object:
    """The only object of its kind."""
    (found,) = (one for one in objects if one["kind"] == kind)
    return found


def workload(objects: list[Object]) -> Object:
    """What runs the pods."""
    (found,) = (one for one in objects if one["kind"] in ("Deployment", "StatefulSet"))
    return found


def pod(objects: list[Object]) -> Object:
    found: Object = workload(objects)["spec"]["template"]["spec"]
    return found


def container(objects: list[Object]) -> Object:
    (found,) = pod(objects)["containers"]
    return dict(found)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("one", OF_KUBERNETES.values(), ids=OF_KUBERNETES)
def test_every_object_of_kubernetes_is_valid_and_has_no_key_that_nobody_reads(one: Object, version: str) -> None:
    import_module("kubernetes_validate").validate(one, version, strict=True)


@pytest.mark.parametrize("one", OF_THE_OPERATOR.values(), ids=OF_THE_OPERATOR)
def test_every_object_of_the_operator_is_valid_and_has_no_key_that_nobody_reads(one: Object) -> None:
    validate_by_operator(one)


FAULTS = [
    pytest.param("ServiceMonitor", ("endpoints", 0, "interval"), "30", id="a-duration-without-unit"),
    pytest.param("ServiceMonitor", ("endpoints", 0, "intervall"), "30s", id="a-key-that-nobody-reads"),
    pytest.param("PrometheusRule", ("groups", 0, "rules", 0, "for"), "soon", id="a-time-that-is-none"),
]


@pytest.mark.parametrize(("kind", "way", "value"), FAULTS)
def test_the_schemas_of_the_operator_find_faults(kind: str, way: tuple[str | int, ...], value: str) -> None:
    one = copy.deepcopy(next(one for one in BASE if one["kind"] == kind))
    place: Any = one["spec"]
    for step in way[:-1]:
        place = place[step]
    place[way[-1]] = value
    with pytest.raises(import_module("jsonschema").ValidationError):
        validate_by_operator(one)


def validate_by_operator(one: Object) -> None:
    """Against what the operator's own definition of the object says; raises jsonschema's ValidationError."""
    schema = json.loads((Path(__file__).parent / "schemas" / f"{one['kind'].lower()}.json").read_text())
    import_module("jsonschema").validate(one, schema)


@pytest.mark.parametrize("name", ["base", "sharded"])
def test_kustomize_makes_the_same_of_it(name: str) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        # Not even where real programs are required: Debian has none that is new enough.
        pytest.skip("kubectl is not installed")
    if "Kustomize Version: v5" not in version(kubectl):
        pytest.skip("kubectl is older than 1.27, the first with kustomize 5")
    command = (kubectl, "kustomize", str(FOLDER / name))
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    # The hash at the end of a name is kustomize's own.
    text = re.sub(r"^(.*name: mailprobe)-[a-z0-9]{10}$", r"\1", done.stdout, flags=re.MULTILINE)
    assert by_name(list(yaml.safe_load_all(text))) == by_name({"base": BASE, "sharded": SHARDED}[name])


def version(kubectl: str) -> str:
    command = (kubectl, "version", "--client")
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False).stdout


def by_name(objects: list[Object]) -> dict[tuple[str, str], Object]:
    return {(one["kind"], one["metadata"]["name"]): one for one in objects}


def test_the_rules_are_made_from_the_rule_files() -> None:
    assert generate.FILE.read_text(encoding="utf-8") == generate.rendered()


def test_every_rule_file_and_every_dashboard_is_in_the_cluster() -> None:
    rules = sorted((ROOT / "deploy" / "prometheus" / "rules").glob("*.yml"))
    made = {one["metadata"]["name"]: one["spec"] for one in BASE if one["kind"] == "PrometheusRule"}
    assert made == {path.stem: read(path) for path in rules}
    dashboards = [one for one in BASE if one["metadata"].get("labels", {}).get("grafana_dashboard") == "1"]
    data = {name: text for one in dashboards for name, text in one["data"].items()}
    assert set(data) == {path.name for path in (ROOT / "grafana").glob("*.json")}


@pytest.mark.parametrize("one", OBJECTS.values(), ids=OBJECTS)
def test_every_object_can_be_applied(one: Object) -> None:
    assert len(yaml.safe_dump(one).encode()) < LARGEST_BYTES


@pytest.mark.parametrize("objects", BOTH)
def test_the_pod_is_confined(objects: list[Object]) -> None:
    security = pod(objects)["securityContext"]
    assert security["runAsNonRoot"] is True
    assert f"USER {security['runAsUser']}:{security['runAsGroup']}\n" in (ROOT / "deploy" / "Containerfile").read_text()
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod(objects)["automountServiceAccountToken"] is False
    assert container(objects)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert all(mount["readOnly"] for mount in container(objects)["volumeMounts"])


@pytest.mark.parametrize("objects", BOTH)
def test_there_is_time_to_say_goodbye_and_a_request_for_what_is_needed(objects: list[Object]) -> None:
    assert pod(objects)["terminationGracePeriodSeconds"] > 5
    resources = container(objects)["resources"]
    assert set(resources["requests"]) == {"cpu", "memory"}
    # Throttling would lengthen the latencies that are measured.
    assert set(resources["limits"]) == {"memory"}


@pytest.mark.parametrize("objects", BOTH)
def test_the_probes_ask_what_the_exporter_answers(objects: list[Object]) -> None:
    (port,) = container(objects)["ports"]
    assert port["containerPort"] == 10125
    asked = {kind: container(objects)[kind]["httpGet"] for kind in ("readinessProbe", "livenessProbe")}
    assert asked == {
        "readinessProbe": {"path": "/-/healthy", "port": port["name"]},
        "livenessProbe": {"path": "/-/healthy", "port": port["name"]},
    }


@pytest.mark.parametrize("objects", BOTH)
def test_the_service_finds_the_pods_and_the_operator_the_service(objects: list[Object]) -> None:
    service, monitor = the("Service", objects), the("ServiceMonitor", objects)
    labels = workload(objects)["spec"]["template"]["metadata"]["labels"]
    assert workload(objects)["spec"]["selector"]["matchLabels"] == labels
    assert service["spec"]["selector"] == labels
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    (port,), (endpoint,) = service["spec"]["ports"], monitor["spec"]["endpoints"]
    assert endpoint["port"] == port["name"]
    # The rules expect this job.
    assert service["metadata"]["labels"][monitor["spec"]["jobLabel"]] == "mailprobe"
    assert endpoint["interval"] == read(ROOT / "deploy" / "prometheus" / "prometheus.yml")["global"]["scrape_interval"]


@pytest.mark.parametrize("objects", BOTH)
def test_the_ports_of_the_service_can_be_told_apart_by_every_server_that_applies_them(objects: list[Object]) -> None:
    assert all("protocol" in port for port in the("Service", objects)["spec"]["ports"])


def test_one_exporter_is_never_two_for_a_moment() -> None:
    assert workload(BASE)["kind"] == "Deployment"
    assert workload(BASE)["spec"]["replicas"] == 1
    assert workload(BASE)["spec"]["strategy"] == {"type": "Recreate"}


def test_every_shard_knows_its_number_and_how_many_there_are() -> None:
    shards = workload(SHARDED)
    environment = {variable["name"]: variable for variable in container(SHARDED)["env"]}
    assert shards["kind"] == "StatefulSet"
    assert shards["spec"]["serviceName"] == the("Service", SHARDED)["metadata"]["name"]
    assert environment["MAILPROBE_SHARD_TOTAL"]["value"] == str(shards["spec"]["replicas"])
    field = environment["MAILPROBE_SHARD_INDEX"]["valueFrom"]["fieldRef"]["fieldPath"]
    assert field == "metadata.labels['apps.kubernetes.io/pod-index']"


def test_shards_are_told_apart_and_a_new_pod_of_one_exporter_is_not() -> None:
    def instance(objects: list[Object]) -> Any:
        (endpoint,) = the("ServiceMonitor", objects)["spec"]["endpoints"]
        return [rule["sourceLabels"] for rule in endpoint["relabelings"] if rule.get("targetLabel") == "instance"]

    # With the namespace, since the rules know two exporters only by `job` and `instance`.
    assert instance(BASE) == [["__meta_kubernetes_namespace", "__meta_kubernetes_service_name"]]
    assert instance(SHARDED) == [["__meta_kubernetes_namespace", "__meta_kubernetes_pod_name"]]


def test_the_starter_configuration_has_no_fault_and_is_where_the_exporter_looks() -> None:
    assert load(FOLDER / "base" / "config.yml").targets
    (volume,), (mount,) = pod(BASE)["volumes"], container(BASE)["volumeMounts"]
    assert (mount["name"], mount["mountPath"]) == (volume["name"], "/etc/mailprobe")
    (config,) = (one for one in BASE if one["kind"] == "ConfigMap" and "config.yml" in one["data"])
    assert volume["configMap"]["name"] == config["metadata"]["name"]


def test_every_file_is_part_of_a_kustomization() -> None:
    for folder in (FOLDER / "base", FOLDER / "sharded"):
        (document,) = documents(folder / "kustomization.yaml")
        generated = [name for generator in document.get("configMapGenerator", []) for name in generator["files"]]
        used = {name for name in (*document["resources"], *generated) if Path(name).name == name}
        assert {path.name for path in folder.iterdir()} == used | {"kustomization.yaml"}
