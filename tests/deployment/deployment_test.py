"""Whether what docker/ says fits the program, the specifications of its readers, and itself."""

import contextlib
import functools
import http.server
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.request

import yaml

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from test_program import main

ROOT = pathlib.Path(__file__).parents[2]
DOCKER = ROOT / "docker"
BINARY = os.environ["MAGNETAR_BINARY"]
SERVERS = ("orchestrator", "worker")
# The images' own variables that are no flags of the program begin otherwise; these are flags of the program as a whole.
GLOBAL_FLAGS = {"--config"}


@functools.cache
def flags(command):
    """The flags of a command, and whether each takes a value."""
    text = subprocess.run([BINARY, command, "--help"], check=True, capture_output=True, text=True).stdout
    found = {match[1]: bool(match[2]) for match in re.finditer(r"^  (--[a-z-]+)( [A-Z]\S*| \w+\S*=\S+)?(?= |$)", text, re.M)}
    assert len(found) > (5 if command in SERVERS else 0), text
    return found


def flag_of(variable):
    return "--" + variable.removeprefix("MAGNETAR_").lower().replace("_", "-")


def faults_of_command(words):
    """What is wrong with the arguments of `magnetar`."""
    command, *rest = words
    if command not in SERVERS:
        return [f"{command} is no server"]
    faults, known = [], flags(command)
    while rest:
        flag, is_joined, _ = rest.pop(0).partition("=")
        if flag not in known:
            faults.append(f"{command} has no flag {flag}")
        elif known[flag] and not is_joined:
            if not rest or rest[0].startswith("--"):
                faults.append(f"{command} {flag} needs a value")
            else:
                rest.pop(0)
    return faults


def faults_of_variables(command, names):
    return [f"{command} has no flag for {name}" for name in names
            if name.startswith("MAGNETAR_") and flag_of(name) not in flags(command).keys() | GLOBAL_FLAGS]


def documents(path):
    return [one for one in yaml.load_all(path.read_text(), Loader=StrictLoader) if one is not None]


class StrictLoader(yaml.SafeLoader):
    """Of two equal keys YAML's loader silently takes the second."""

    def construct_mapping(self, node, deep=False):
        own = [key.value for key, _ in node.value if key.value != "<<"]
        if len(own) != len(set(own)):
            raise yaml.YAMLError(f"a key is there twice: {own} {node.start_mark}")
        return super().construct_mapping(node, deep)


class Schema:
    """Nested dictionaries say which keys may be there: `name!` must. A list holds what its one element says, '*' is any
    key; a leaf is a type, or a pattern for strings."""

    def __init__(self, schema):
        self.schema = schema

    def faults(self, value, where, schema=None):
        schema = self.schema if schema is None else schema
        if isinstance(schema, dict):
            if not isinstance(value, dict):
                return [f"{where}: {value!r} is no mapping"]
            known = {key.rstrip("!"): inner for key, inner in schema.items()}
            faults = [f"{where}: {key[:-1]} is missing" for key in schema if key.endswith("!") and key[:-1] not in value]
            for key, inner in value.items():
                if key in known or "*" in known:
                    faults += self.faults(inner, f"{where}.{key}", known.get(key, known.get("*")))
                else:
                    faults.append(f"{where}: no key {key} is known")
            return faults
        if isinstance(schema, list):
            if not isinstance(value, list):
                return [f"{where}: {value!r} is no list"]
            return [fault for i, one in enumerate(value) for fault in self.faults(one, f"{where}[{i}]", schema[0])]
        if isinstance(schema, tuple):
            tried = [self.faults(value, where, one) for one in schema]
            return min(tried, key=len)
        if isinstance(schema, str):
            good = isinstance(value, str) and re.fullmatch(schema, value)
            return [] if good else [f"{where}: {value!r} is not like {schema}"]
        if type(value) is not schema and not (schema is dict and value is None):
            return [f"{where}: {value!r} is no {schema.__name__}"]
        return []


class Case(unittest.TestCase):
    def assert_sound(self, faults):
        self.assertEqual([], list(faults))


class Flags(Case):
    """The checks of flags themselves."""

    def test_they_find_what_is_wrong(self):
        self.assertEqual(faults_of_command(["worker", "--device", "cpu", "--threads=2", "--plaintext"]), [])
        self.assertEqual(faults_of_command(["worker", "--devise", "cpu"])[0], "worker has no flag --devise")
        self.assertEqual(faults_of_command(["worker", "--device", "--plaintext"]), ["worker --device needs a value"])
        self.assertEqual(faults_of_command(["orchestrator", "--estimate", "5"])[0], "orchestrator has no flag --estimate")
        self.assertEqual(faults_of_variables("worker", ["MAGNETAR_TLS_CA", "PATH"]), [])
        self.assertEqual(faults_of_variables("worker", ["MAGNETAR_LISTEN"]), ["worker has no flag for MAGNETAR_LISTEN"])

    def test_a_schema_finds_what_is_wrong(self):
        schema = Schema({"a!": [int], "b": {"*": "x+"}, "c": (int, str)})
        self.assertEqual(schema.faults({"a": [1], "b": {"k": "xx"}, "c": "?"}, ""), [])
        for wrong in ({}, {"a": ["1"]}, {"a": 1}, {"a": [], "b": {"k": "y"}}, {"a": [], "d": 1}, {"a": [], "c": []}):
            self.assertNotEqual(schema.faults(wrong, ""), [], wrong)


class Dockerfile:
    """Stages by name, each with its instructions."""

    def __init__(self, path):
        self.stages = {}
        text = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", path.read_text(), flags=re.M))
        for line in filter(None, map(str.strip, text.splitlines())):
            word, _, rest = line.partition(" ")
            if word == "FROM":
                base, _, name = rest.partition(" AS ")
                self.stages[name] = {"base": base, "lines": []}
            elif self.stages:
                self.stages[name]["lines"].append((word, rest))

    def lines(self, stage):
        """Of the stage, after those of the stages below it."""
        if stage not in self.stages:
            return []
        return self.lines(self.stages[stage]["base"]) + self.stages[stage]["lines"]

    def last(self, stage, word):
        found = [rest for one, rest in self.lines(stage) if one == word]
        return found[-1] if found else None

    def environment(self, stage):
        pairs = [pair for word, rest in self.lines(stage) if word == "ENV" for pair in shlex.split(rest)]
        return dict(pair.split("=", 1) for pair in pairs)


IMAGES = Dockerfile(DOCKER / "Dockerfile")
TARGETS = ("orchestrator", "orchestrator-compile", "worker", "worker-cuda")


def version():
    return re.search(r"project\(magnetar VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]


class Images(Case):
    def test_they_run_without_rights_and_end_by_sigterm(self):
        for target in (*TARGETS, "certificates"):
            with self.subTest(target):
                self.assertEqual(IMAGES.last(target, "USER"), "10001:10001")
        for target in TARGETS:
            with self.subTest(target):
                self.assertEqual(IMAGES.last(target, "STOPSIGNAL"), "SIGTERM")
                self.assertEqual(IMAGES.last(target, "ENTRYPOINT"), '["magnetar"]')
                role = target.split("-")[0]
                self.assertEqual(json.loads(IMAGES.last(target, "CMD")), [role])
                self.assertIn('"magnetar-health"', IMAGES.last(target, "HEALTHCHECK"))
                self.assert_sound(faults_of_variables(role, IMAGES.environment(target)))
                self.assertIn("org.opencontainers.image.licenses=", IMAGES.last(target, "LABEL"))
                self.assertIn(f"VERSION={version()}", [rest for word, rest in IMAGES.lines(target) if word == "ARG"])

    def test_they_hold_no_compiler_unless_it_is_what_they_are_for(self):
        for target in TARGETS:
            packages = " ".join(rest for word, rest in IMAGES.lines(target) if word == "RUN")
            self.assertEqual("rustc" in packages, target == "orchestrator-compile")
            self.assertNotIn("g++", packages)
            self.assertNotIn("toolchain", IMAGES.stages[target]["base"])

    def test_the_compilers_packages_are_those_of_setup(self):
        setup = (ROOT / "scripts" / "setup.sh").read_text()
        run = next(rest for word, rest in IMAGES.stages["orchestrator-compile"]["lines"] if word == "RUN")
        packages = run.split("--no-install-recommends")[1].split("&&")[0].split()
        self.assertGreater(len(packages), 4)
        for package in packages:
            self.assertRegex(setup, rf"(?m)^ .*\b{package}\b")

    def test_health_script_asks_for_readiness(self):
        asked = []

        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                self.send_response(200 if len(asked) == 1 else 503)
                self.end_headers()

            def log_message(self, *_):
                pass

        def check(address, *arguments):
            return subprocess.run([DOCKER / "health.sh", *arguments],
                                  env={"PATH": os.environ["PATH"], "MAGNETAR_HTTP": address},
                                  capture_output=True, timeout=30).returncode

        with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            address = f"127.0.0.1:{server.server_port}"
            self.assertEqual([check(address), check(address)], [0, 1])
            server.shutdown()
        self.assertEqual(asked, ["/ready", "/ready"])
        self.assertEqual(check("127.0.0.1:1"), 1)
        self.assertEqual(check("127.0.0.1:1", "nothing"), 2)

    def test_certificates_fit_their_purposes(self):
        with tempfile.TemporaryDirectory() as folder:
            make = [DOCKER / "certificates.sh", folder + "/c", "orchestrator", "127.0.0.1"]
            subprocess.run(make, check=True, capture_output=True)

            def verify(name, purpose):
                return subprocess.run(["openssl", "verify", "-CAfile", f"{folder}/c/ca.pem", "-purpose", purpose,
                                       f"{folder}/c/{name}.pem"], capture_output=True).returncode

            self.assertEqual((verify("server", "sslserver"), verify("worker", "sslclient")), (0, 0))
            self.assertNotEqual(verify("worker", "sslserver"), 0)
            before = (pathlib.Path(folder) / "c/server.pem").read_bytes()
            subprocess.run(make, check=True, capture_output=True)
            self.assertEqual((pathlib.Path(folder) / "c/server.pem").read_bytes(), before)
            for key in ("ca", "server", "worker"):
                self.assertEqual((pathlib.Path(folder) / f"c/{key}.key").stat().st_mode & 0o077, 0)


DURATION = r"\d+(ms|s|m|h)"
COMPOSE_SERVICE = {
    "build": {"context": str, "dockerfile": str, "target": str}, "image": str, "entrypoint": [str], "command": [str],
    "environment": {"*": str}, "secrets": [str], "ports": [r"(\S+:)?\d+:\d+"], "volumes": [r"(\S+:)?/[^:]*(:ro)?"],
    "depends_on": ([str], {"*": {"condition!": "service_(started|healthy|completed_successfully)"}}),
    "deploy": {"replicas": int,
               "resources": {"reservations": {"devices": [{"driver": str, "count": int, "capabilities": [str]}]}}},
    "healthcheck": {"test": [str], "interval": DURATION, "timeout": DURATION, "retries": int},
    "stop_grace_period": DURATION, "restart": "unless-stopped|always|no|on-failure", "read_only": bool, "tmpfs": [str],
    "cap_drop": [str], "security_opt": [str], "profiles": [str]}
# The keys that are used, of the Compose specification.
COMPOSE = Schema({"name": str, "services!": {"*": COMPOSE_SERVICE}, "secrets": {"*": {"file!": str}}, "volumes": {"*": dict}})
COMPOSE_FILES = {"plain": ["compose.yaml"], "tls": ["compose.yaml", "compose.tls.yaml"]}


def merged(files):
    """As Compose puts several files together: mappings by key, lists one after the other, but commands replaced."""
    def merge(below, above, key=None):
        if isinstance(below, dict) and isinstance(above, dict):
            return {k: merge(below[k], above[k], k) if k in below and k in above else above.get(k, below.get(k))
                    for k in {**below, **above}}
        if isinstance(below, list) and isinstance(above, list) and key not in ("command", "entrypoint"):
            return below + above
        return above

    result = {}
    for file in files:
        [content] = documents(DOCKER / file)
        result = merge(result, content)
    return result


class Compose(Case):
    def test_schema(self):
        for file in ("compose.yaml", "compose.tls.yaml"):
            [content] = documents(DOCKER / file)
            self.assert_sound(COMPOSE.faults(content, file))

    def test_services_fit_the_program(self):
        for files in COMPOSE_FILES.values():
            services = merged(files)["services"]
            for name, service in services.items():
                if service.get("build", {}).get("target") not in TARGETS:
                    continue
                with self.subTest(name):
                    role = service["build"]["target"].split("-")[0]
                    self.assertEqual(service["image"], f"magnetar-{service['build']['target']}")
                    self.assert_sound(faults_of_command(service["command"]))
                    self.assert_sound(faults_of_variables(role, service["environment"]))

    def test_names_are_of_something(self):
        for files in COMPOSE_FILES.values():
            content = merged(files)
            services = content["services"]
            for name, service in services.items():
                with self.subTest(name):
                    self.assertLessEqual(set(service.get("depends_on", ())), set(services))
                    self.assertLessEqual(set(service.get("secrets", ())), set(content["secrets"]))
                    for volume in service.get("volumes", ()):
                        source, _, target = volume.partition(":")
                        if source.startswith("./"):
                            self.assertTrue((DOCKER / source).exists(), source)
                        elif target:
                            self.assertIn(source, content["volumes"])
                    for secret in service.get("secrets", ()):
                        self.assertIn(f"/run/secrets/{secret}", json.dumps(service))
                    if "build" in service:
                        self.assertIn(service["build"]["target"], IMAGES.stages)
                        self.assertTrue((DOCKER / service["build"]["context"] / service["build"]["dockerfile"]).exists())
                        self.assertEqual((service["read_only"], service["cap_drop"]), (True, ["ALL"]))

    def test_both_ends_agree_on_tls(self):
        for kind, files in COMPOSE_FILES.items():
            for name, service in merged(files)["services"].items():
                if service["image"].removeprefix("magnetar-") in TARGETS:
                    variables = service["environment"]
                    self.assertEqual(variables["MAGNETAR_PLAINTEXT"], "true" if kind == "plain" else "false", name)
                    files = {key: path for key, path in variables.items() if key.startswith("MAGNETAR_TLS_")}
                    self.assertEqual(len(files), 3 if kind == "tls" else 0, name)
                    own = "server" if name == "orchestrator" else "worker"
                    self.assertEqual({pathlib.Path(path).name for path in files.values()},
                                     {"ca.pem", f"{own}.pem", f"{own}.key"} if files else set())

    def test_no_secret_is_written_down(self):
        text = "".join((DOCKER / file).read_text() for files in COMPOSE_FILES.values() for file in files)
        self.assertNotRegex(text, r"(?i)password: (?!\{file)|://\w+:[^@$]+@")

    def test_passwords_are_made_once(self):
        with tempfile.TemporaryDirectory() as folder:
            script = shutil.copy(DOCKER / "passwords.sh", folder)
            subprocess.run([script], check=True, capture_output=True)
            files = {path.name: path.read_text() for path in (pathlib.Path(folder) / "secrets").iterdir()}
            named = {pathlib.Path(one["file"]).name for one in merged(["compose.yaml"])["secrets"].values()}
            self.assertEqual(set(files), named)
            subprocess.run([script], check=True, capture_output=True)
            self.assertEqual(files, {path.name: path.read_text() for path in (pathlib.Path(folder) / "secrets").iterdir()})
            tokens = pathlib.Path(folder) / "secrets" / "tokens"
            with serving("orchestrator", "--listen", "127.0.0.1:0", "--tokens", tokens):
                pass


LABELS = {"*": str}
METADATA = {"name": str, "labels": LABELS, "annotations": LABELS}
SELECTOR = {"matchLabels!": LABELS}
PROBE = {"exec": {"command!": [str]}, "grpc": {"port!": int}, "httpGet": {"path!": str, "port!": str},
         "initialDelaySeconds": int, "periodSeconds": int, "timeoutSeconds": int, "failureThreshold": int}
QUANTITIES = {"cpu": r"\d+m?", "memory": r"\d+[MG]i", "nvidia.com/gpu": r"\d+", "storage": r"\d+Gi"}
POD = {
    "automountServiceAccountToken!": bool, "enableServiceLinks!": bool, "terminationGracePeriodSeconds!": int,
    "securityContext!": {"runAsNonRoot!": bool, "runAsUser!": int, "runAsGroup!": int, "fsGroup!": int,
                         "seccompProfile!": {"type!": "RuntimeDefault"}},
    "topologySpreadConstraints": [{"maxSkew!": int, "topologyKey!": str, "whenUnsatisfiable!": str, "labelSelector!": SELECTOR}],
    "tolerations": [{"key": str, "operator": "Exists|Equal", "effect": "NoSchedule"}],
    "containers!": [{
        "name!": str, "image!": str, "args": [str],
        "env": [{"name!": str, "value": str, "valueFrom": {"secretKeyRef!": {"name!": str, "key!": str}}}],
        "ports": [{"name!": r"[a-z0-9-]{1,15}", "containerPort!": int}],
        "startupProbe": PROBE, "readinessProbe!": PROBE, "livenessProbe!": PROBE,
        "resources!": {"requests!": QUANTITIES, "limits!": QUANTITIES},
        "securityContext!": {"allowPrivilegeEscalation!": bool, "readOnlyRootFilesystem!": bool,
                             "capabilities!": {"drop!": [str]}},
        "volumeMounts": [{"name!": str, "mountPath!": "/.+", "readOnly": bool}]}],
    "volumes": [{"name!": str, "emptyDir": dict, "secret": {"secretName!": str, "defaultMode": int}}]}
TEMPLATE = {"metadata!": METADATA, "spec!": POD}
INGRESS = [{"from!": [{"podSelector": SELECTOR, "namespaceSelector": SELECTOR}],
            "ports!": [{"protocol!": "TCP", "port!": str}]}]
KINDS = {
    "v1/Namespace": {"metadata!": METADATA},
    "v1/Service": {"metadata!": METADATA, "spec!": {
        "clusterIP": "None", "selector!": LABELS,
        "ports!": [{"name!": str, "port!": int, "targetPort!": str, "appProtocol": str}]}},
    "apps/v1/Deployment": {"metadata!": METADATA, "spec!": {
        "replicas": int, "selector!": SELECTOR, "strategy": {"rollingUpdate!": {"maxUnavailable!": int, "maxSurge!": int}},
        "template!": TEMPLATE}},
    "apps/v1/StatefulSet": {"metadata!": METADATA, "spec!": {
        "serviceName!": str, "replicas!": int, "selector!": SELECTOR, "template!": TEMPLATE,
        "volumeClaimTemplates": [{"metadata!": METADATA, "spec!": {"accessModes!": [str],
                                                                   "resources!": {"requests!": QUANTITIES}}}]}},
    "policy/v1/PodDisruptionBudget": {"metadata!": METADATA, "spec!": {"maxUnavailable!": (int, r"\d+%"),
                                                                       "selector!": SELECTOR}},
    "networking.k8s.io/v1/NetworkPolicy": {"metadata!": METADATA, "spec!": {
        "podSelector!": SELECTOR, "policyTypes!": ["Ingress"], "ingress": INGRESS}},
    "keda.sh/v1alpha1/ScaledObject": {"metadata!": METADATA, "spec!": {
        "scaleTargetRef!": {"name!": str}, "minReplicaCount!": int, "maxReplicaCount!": int, "pollingInterval": int,
        "triggers!": [{"type!": "prometheus", "metadata!": {"serverAddress!": str, "query!": str,
                                                                                  "threshold!": r"\d+"}}],
        "advanced": {"horizontalPodAutoscalerConfig!": {"behavior!": {"scaleDown!": {
            "stabilizationWindowSeconds!": int,
            "policies!": [{"type!": "Percent|Pods", "value!": int, "periodSeconds!": int}]}}}}}},
}
KUBERNETES = DOCKER / "kubernetes"
OVERLAYS = {"base": "plain", "overlays/production": "tls"}


def schema_faults(objects):
    faults = []
    for one in objects:
        kind = f"{one.get('apiVersion')}/{one.get('kind')}"
        if kind not in KINDS:
            faults.append(f"no kind {kind} is known")
            continue
        rest = {key: value for key, value in one.items() if key not in ("apiVersion", "kind")}
        faults += Schema(KINDS[kind]).faults(rest, f"{one['kind']} {one['metadata'].get('name')}")
    return faults


def resource_files(folder):
    """Those of a kustomization that make objects, with those of the folders that it takes in."""
    [content] = documents(folder / "kustomization.yaml")
    files = []
    for entry in content.get("resources", []) + content.get("components", []):
        path = (folder / entry).resolve()
        files += resource_files(path) if path.is_dir() else [path]
    return files


def of_kind(objects, *kinds):
    return [one for one in objects if one["kind"] in kinds]


class Kubernetes(Case):
    def objects(self, overlay):
        return [one for file in resource_files(KUBERNETES / overlay) for one in documents(file)]

    def workloads(self, overlay):
        """Objects that make pods, with the pods' labels and specification."""
        for one in of_kind(self.objects(overlay), "Deployment", "StatefulSet"):
            template = one["spec"]["template"]
            yield one, template["metadata"]["labels"], template["spec"]

    def test_schema(self):
        for overlay in OVERLAYS:
            objects = self.objects(overlay)
            self.assertGreater(len(objects), 8)
            self.assert_sound(schema_faults(objects))
            names = [(one["kind"], one["metadata"]["name"]) for one in objects]
            self.assertEqual(len(names), len(set(names)))

    def test_every_file_is_used(self):
        used = {file for overlay in OVERLAYS for file in resource_files(KUBERNETES / overlay)}
        for kustomization in KUBERNETES.rglob("kustomization.yaml"):
            used.add(kustomization)
            [content] = documents(kustomization)
            used |= {kustomization.parent / patch["path"] for patch in content.get("patches", []) if "path" in patch}
        self.assertEqual(set(KUBERNETES.rglob("*.yaml")), used)

    def test_selectors_find_pods(self):
        for overlay in OVERLAYS:
            pods = [(labels, spec) for _, labels, spec in self.workloads(overlay)]

            def found(selector):
                return [spec for labels, spec in pods if selector.items() <= labels.items()]

            for one in self.objects(overlay):
                spec, name = one.get("spec", {}), (one["kind"], one["metadata"]["name"])
                if one["kind"] in ("Deployment", "StatefulSet"):
                    self.assertEqual(len(found(spec["selector"]["matchLabels"])), 1, name)
                elif one["kind"] == "Service":
                    [pod] = found(spec["selector"])
                    ports = {port["name"] for container in pod["containers"] for port in container.get("ports", [])}
                    self.assertLessEqual({port["targetPort"] for port in spec["ports"]}, ports, name)
                elif one["kind"] == "PodDisruptionBudget":
                    self.assertTrue(found(spec["selector"]["matchLabels"]), name)
                elif one["kind"] == "NetworkPolicy":
                    [*targets] = found(spec["podSelector"]["matchLabels"])
                    self.assertTrue(targets, name)
                    for rule in spec.get("ingress", []):
                        for source in rule["from"]:
                            if "podSelector" in source:
                                self.assertTrue(found(source["podSelector"]["matchLabels"]), name)
                        named = {port["name"] for container in targets[0]["containers"] for port in container["ports"]}
                        self.assertLessEqual({port["port"] for port in rule["ports"]}, named, name)
                elif one["kind"] == "ScaledObject":
                    self.assertIn(spec["scaleTargetRef"]["name"], [w["metadata"]["name"] for w, _, _ in self.workloads(overlay)])

    def test_pods_are_confined_and_whole(self):
        for workload, _, spec in self.workloads("overlays/production"):
            with self.subTest(workload["metadata"]["name"]):
                self.assertTrue(spec["securityContext"]["runAsNonRoot"])
                self.assertFalse(spec["automountServiceAccountToken"] or spec["enableServiceLinks"])
                volumes = {volume["name"] for volume in spec.get("volumes", [])}
                volumes |= {claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])}
                for container in spec["containers"]:
                    context = container["securityContext"]
                    self.assertEqual((context["allowPrivilegeEscalation"], context["readOnlyRootFilesystem"],
                                      context["capabilities"]["drop"]), (False, True, ["ALL"]))
                    self.assertEqual({mount["name"] for mount in container["volumeMounts"]}, volumes)
                    ports = {port["name"]: port["containerPort"] for port in container.get("ports", [])}
                    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                        probe = container.get(probe, {})
                        if "httpGet" in probe:
                            self.assertIn(probe["httpGet"]["port"], ports)
                        if "grpc" in probe:
                            self.assertIn(probe["grpc"]["port"], ports.values())

    def test_containers_fit_the_program(self):
        seen = set()
        for workload, _, spec in self.workloads("overlays/production"):
            for container in spec["containers"]:
                target = container["image"].removeprefix("magnetar-")
                if target == container["image"]:
                    continue
                seen.add(target)
                with self.subTest(workload["metadata"]["name"]):
                    self.assertIn(target, TARGETS)
                    self.assert_sound(faults_of_command(container["args"]))
                    self.assertEqual(container["args"][0], target.split("-")[0])
                    self.assert_sound(faults_of_variables(container["args"][0], [one["name"] for one in container["env"]]))
                    paths = {mount["mountPath"] for mount in container["volumeMounts"]}
                    self.assertLessEqual({"/var/lib/magnetar", "/var/cache/magnetar", "/tmp"}, paths)
                    self.assertEqual(spec["securityContext"]["runAsUser"], 10001)
                    if target == "worker-cuda":
                        self.assertEqual(container["resources"]["limits"]["nvidia.com/gpu"], "1")
        self.assertEqual(seen, {"orchestrator", "worker", "worker-cuda"})

    def test_patches_fit_the_program(self):
        for command in SERVERS:
            [patch] = documents(KUBERNETES / "components" / "tls" / f"{command}.yaml")
            spec = patch["spec"]["template"]["spec"]
            [container] = spec["containers"]
            variables = {one["name"]: one["value"] for one in container["env"]}
            self.assert_sound(faults_of_variables(command, variables))
            [volume], [mount] = spec["volumes"], container["volumeMounts"]
            self.assertEqual(volume["name"], mount["name"])
            self.assertEqual(sum(path.startswith(mount["mountPath"] + "/") for path in variables.values()), 3)

    def test_images_are_of_this_version(self):
        for kustomization in KUBERNETES.rglob("kustomization.yaml"):
            [content] = documents(kustomization)
            for image in content.get("images", []):
                self.assertIn(image["name"].removeprefix("magnetar-"), TARGETS)
                self.assertEqual(image["newTag"], version(), kustomization)

    def test_services_are_called_by_their_names(self):
        services = {one["metadata"]["name"]: {port["port"] for port in one["spec"]["ports"]}
                    for one in of_kind(self.objects("base"), "Service")}
        called = 0
        for _, _, spec in self.workloads("overlays/production"):
            for variable in (one for container in spec["containers"] for one in container["env"]):
                if match := re.fullmatch(r"(?:postgres://\w+@)?([a-z]+):(\d+)(/\w+)?", variable.get("value", "")):
                    called += 1
                    self.assertIn(int(match[2]), services[match[1]], variable)
        self.assertEqual(called, 3)

    def test_the_drain_fits_the_grace_period(self):
        for _, _, spec in self.workloads("base"):
            arguments = spec["containers"][0].get("args", [])
            if "--drain" in arguments:
                drain = arguments[arguments.index("--drain") + 1]
                self.assertLess(int(drain.removesuffix("s")), spec["terminationGracePeriodSeconds"])


class External(Case):
    """By programs that scripts/setup.sh does not install."""

    def test_docker_compose_reads_it(self):
        if shutil.which("docker") is None or subprocess.run(["docker", "compose", "version"],
                                                            capture_output=True).returncode != 0:
            self.skipTest("docker has no compose here")
        for files in COMPOSE_FILES.values():
            words = [word for file in files for word in ("-f", str(DOCKER / file))]
            done = subprocess.run(["docker", "compose", *words, "config", "-q"], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_kustomize_renders_it(self):
        if shutil.which("kubectl") is None:
            self.skipTest("kubectl is not installed")
        for overlay, kind in OVERLAYS.items():
            done = subprocess.run(["kubectl", "kustomize", KUBERNETES / overlay], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            objects = [one for one in yaml.safe_load_all(done.stdout) if one]
            self.assert_sound(schema_faults([{**one, "metadata": {key: value for key, value in one["metadata"].items()
                                                                  if key != "namespace"}} for one in objects]))
            scaled = {one["spec"]["scaleTargetRef"]["name"] for one in of_kind(objects, "ScaledObject")}
            for one in of_kind(objects, "Deployment"):
                self.assertEqual("replicas" in one["spec"], one["metadata"]["name"] not in scaled)
                container = one["spec"]["template"]["spec"]["containers"][0]
                variables = {entry["name"]: entry.get("value") for entry in container["env"]}
                self.assertEqual(variables["MAGNETAR_PLAINTEXT"], "true" if kind == "plain" else "false")
                self.assertEqual("MAGNETAR_TLS_CERT" in variables, kind == "tls")
                self.assert_sound(faults_of_variables(container["args"][0], variables))
                self.assertTrue(container["image"].endswith(":" + version()))


class Systemd(Case):
    UNITS = {"magnetar-orchestrator.service": "orchestrator", "magnetar-worker@.service": "worker"}

    def unit(self, name, program=BINARY):
        return (DOCKER / "systemd" / f"{name}.in").read_text().replace("@MAGNETAR_BINARY@", program)

    def test_commands_and_variables(self):
        for name, command in self.UNITS.items():
            text = self.unit(name)
            [line] = re.findall(r"^ExecStart=(.*)$", text, re.M)
            self.assert_sound(faults_of_command(shlex.split(line)[1:]))
            files = [text, *((DOCKER / "systemd" / file).read_text() for file in
                             ("orchestrator.env", "compile.conf", "tls.conf") if command == "orchestrator"),
                     *([(DOCKER / "systemd" / "worker.env").read_text()] if command == "worker" else [])]
            for file in files:
                self.assert_sound(faults_of_variables(command, re.findall(r"(MAGNETAR_[A-Z_]+)=", file)))

    def write_units(self, folder):
        # The verifier wants the program to be there, wherever this test runs.
        for name in self.UNITS:
            (folder / name).write_text(self.unit(name, "/bin/true"))

    def test_systemd_reads_them(self):
        if shutil.which("systemd-analyze") is None:
            self.skipTest("systemd is not installed")
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            self.write_units(folder)
            drop_in = folder / "magnetar-orchestrator.service.d"
            for extra in (None, "compile.conf", "tls.conf"):
                if extra:
                    drop_in.mkdir(exist_ok=True)
                    shutil.copy(DOCKER / "systemd" / extra, drop_in)
                for unit in folder.glob("*.service"):
                    done = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit],
                                          capture_output=True, text=True)
                    complaints = [line for line in done.stderr.splitlines() if "magnetar" in line]
                    self.assertEqual((done.returncode, complaints), (0, []), f"{extra}: {done.stderr}")

    def test_they_expose_little(self):
        if shutil.which("systemd-analyze") is None:
            self.skipTest("systemd is not installed")
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            self.write_units(folder)
            for unit, limit in (("magnetar-orchestrator.service", 1.5), ("magnetar-worker@.service", 2.5)):
                done = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--no-pager", folder / unit],
                                      capture_output=True, text=True)
                exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
                self.assertTrue(exposure, done.stdout + done.stderr)
                self.assertLessEqual(float(exposure[1]), limit, done.stdout)


@contextlib.contextmanager
def serving(*arguments):
    """An orchestrator or worker; gives the address of its HTTP server."""
    with tempfile.TemporaryDirectory() as state:
        process = subprocess.Popen([BINARY, *arguments, "--http", "127.0.0.1:0", "--state", state],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            for line in process.stdout:
                if line.startswith("http on "):
                    yield line.removeprefix("http on ").strip()
                    return
            raise AssertionError(process.stderr.read())
        finally:
            process.terminate()
            process.communicate(timeout=60)


class Monitoring(Case):
    def expressions(self):
        """Of dashboards, alerts and autoscaling, with where each is from."""
        for path in (DOCKER / "grafana" / "dashboards").glob("*.json"):
            dashboard = json.loads(path.read_text())
            for variable in dashboard["templating"]["list"]:
                yield f"{path.name}: {variable['name']}", variable["query"]["query"]
            for panel in dashboard["panels"]:
                for target in panel["targets"]:
                    yield f"{path.name}: {panel['title']}", target["expr"]
        [alerts] = documents(DOCKER / "alerts.yml")
        for rule in (rule for group in alerts["groups"] for rule in group["rules"]):
            yield f"alerts.yml: {rule['alert']}", rule["expr"]
        [scaled] = documents(KUBERNETES / "components" / "autoscaling" / "scaled-object.yaml")
        for trigger in scaled["spec"]["triggers"]:
            yield "scaled-object.yaml", trigger["metadata"]["query"]

    def test_every_metric_is_served_and_shown(self):
        exposition = ""
        for server in (("orchestrator", "--listen", "127.0.0.1:0"),
                       ("worker", "--orchestrator", "127.0.0.1:1", "--estimate", "1")):
            with serving(*server) as address:
                with urllib.request.urlopen(f"http://{address}/metrics", timeout=20) as answer:
                    exposition += answer.read().decode()
        types = dict(re.findall(r"^# TYPE (\w+) (\w+)$", exposition, re.M))
        self.assertGreater(len(types), 20)
        used = {}
        for where, expression in self.expressions():
            for name in re.findall(r"\bmagnetar_\w+", expression):
                base = re.sub(r"_(bucket|sum|count)$", "", name)
                used.setdefault(name if name in types else base, []).append((where, expression))
        self.assertEqual(set(used) - set(types), set(), "not among the metrics of /metrics")
        for name, places in used.items():
            for where, expression in places:
                if types[name] == "counter":
                    self.assertRegex(expression, rf"(rate|increase)\({name}\b", where)
                elif types[name] == "gauge":
                    self.assertNotRegex(expression, rf"(rate|increase)\({name}\b", where)

    def test_the_dashboard_is_whole(self):
        [source] = documents(DOCKER / "grafana" / "provisioning" / "datasources" / "prometheus.yml")
        uid = source["datasources"][0]["uid"]
        [providers] = documents(DOCKER / "grafana" / "provisioning" / "dashboards" / "magnetar.yml")
        mounts = merged(["compose.yaml"])["services"]["grafana"]["volumes"]
        self.assertIn(f"./grafana/dashboards:{providers['providers'][0]['options']['path']}:ro", mounts)
        dashboard = json.loads((DOCKER / "grafana" / "dashboards" / "magnetar.json").read_text())
        panels = dashboard["panels"]
        self.assertEqual({variable["datasource"]["uid"] for variable in dashboard["templating"]["list"]}, {uid})
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels))
        taken = set()
        for panel in panels:
            self.assertEqual({one["datasource"]["uid"] for one in [panel, *panel["targets"]]}, {uid})
            place = panel["gridPos"]
            cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
            self.assertFalse(cells & taken, panel["title"])
            self.assertLess(max(x for x, _ in cells), 24)
            taken |= cells

    def test_prometheus_reads_its_files(self):
        [config] = documents(DOCKER / "prometheus.yml")
        orchestrators, workers = config["scrape_configs"]
        self.assertEqual(orchestrators["static_configs"][0]["targets"], ["orchestrator:8080"])
        services = merged(["compose.yaml"])["services"]
        self.assertTrue(services["orchestrator"]["environment"]["MAGNETAR_HTTP"].endswith(":8080"))
        [found] = workers["dns_sd_configs"]
        self.assertEqual(found["names"], [name for name in services if name.startswith("worker")])
        for target in found["names"]:
            self.assertTrue(IMAGES.environment(target)["MAGNETAR_HTTP"].endswith(f':{found["port"]}'))
        if shutil.which("promtool") is None:
            self.skipTest("prometheus is not installed")
        done = subprocess.run(["promtool", "check", "config", DOCKER / "prometheus.yml"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Manual(Case):
    def test_it_holds_every_flag(self):
        page = (pathlib.Path(os.environ["MAGNETAR_BUILD"]) / "magnetar.1").read_text()
        text = subprocess.run([BINARY, "--help"], check=True, capture_output=True, text=True).stdout
        commands = re.findall(r"^  ([a-z]+) +\S", text.split("Subcommands:")[1], re.M)
        self.assertIn("orchestrator", commands)
        for command in commands:
            section = page.split(f".SS {command}\n")[1].split(".SS ")[0].split(".SH ")[0]
            for flag in flags(command):
                self.assertIn("\\fB" + flag.replace("-", "\\-") + "\\fR", section, command)

    def test_it_is_refused_where_a_flag_is_not_described(self):
        with tempfile.TemporaryDirectory() as folder:
            fake = pathlib.Path(folder) / "magnetar"
            fake.write_text("#!/bin/sh\nif [ \"$1\" = --version ]; then echo magnetar 1; exit; fi\n"
                            "if [ \"$1\" = run ]; then echo 'Run\nUsage: x\n\nOptions:\n  --one N (Env:MAGNETAR_ONE)'; exit; fi\n"
                            "echo 'Magnetar: x\n\nOptions:\n  --config  a file\n\nSubcommands:\n  run   Run it\n\nFooter'\n")
            fake.chmod(0o755)
            done = subprocess.run([sys.executable, ROOT / "scripts" / "manual_page.py", fake, folder + "/page"],
                                  capture_output=True, text=True)
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertIn("--one", done.stderr)


if __name__ == "__main__":
    main()
