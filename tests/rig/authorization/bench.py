"""Real policies on real proxies: servers in a namespace of their own, requests from the rig's workloads."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import msgspec
import yaml

from meshdoctor.istio.authorization.decide import Decision, Verdict, decide
from meshdoctor.model.istiod import MeshConfig
from meshdoctor.model.mesh import Mesh
from meshdoctor.model.workloads import Pod
from tests.rig.authorization.cases import CLIENTS, FORGED, NAMESPACE, ROOT, SERVICE_PORT, Asked, Case, claims_of
from tests.rig.calls import log_lines
from tests.rig.conftest import HOME, LONG, applied_with_namespaces, kubectl

SERVERS = [f"s{n}" for n in range(1, 7)]
WAIT_S, LATE_S = 60, 5
ANSWER = "----8<----"
SERVER = """
apiVersion: v1
kind: Service
metadata: {name: APP, namespace: NS}
spec:
  selector: {app: APP}
  ports:
  - {name: http, port: 80, targetPort: 8080}
  - {name: tcp-echo, port: 8078, targetPort: 8078}
  - {name: unsaid, port: 8081, targetPort: 8081}
---
apiVersion: v1
kind: Pod
metadata: {name: APP, namespace: NS, labels: {app: APP, made-by: NS}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: app
    image: rig.local/fortio:1
    args: [server]
    resources: {requests: {cpu: 1m, memory: 16Mi}}
    readinessProbe: {httpGet: {path: /debug, port: 8080}, periodSeconds: 2}
---
"""

# Envoy judges the requests of a connection by the policies that were there when it was opened, until it is drained
FRESH = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: fresh, namespace: NS}
spec: {host: "*.NS.svc.cluster.local", trafficPolicy: {connectionPool: {http: {maxRequestsPerConnection: 1}}}}
---
"""


class Outcome(msgspec.Struct, frozen=True):
    """One request: what was foretold and what became of it."""

    case: str
    request: str
    policies: str
    foretold: Decision
    was: str
    details: str

    @property
    def agrees(self) -> bool:
        if self.request.find(f"-t {FORGED}") > 0 and self.was == Verdict.UNAUTHENTICATED:
            return True  # signatures are not verified by the evaluator
        return self.foretold.verdict == self.was and (not self.details or self.foretold.details == self.details)

    def __str__(self) -> str:
        told = f"{self.foretold.verdict} {self.foretold.details}"
        return f"{self.case}: {self.request}\n   foretold {told}\n   was {self.was} {self.details}\n   {self.policies}"


class Bench:
    """The servers, and one round of cases after another."""

    def __init__(self, kubeconfig: str) -> None:
        self._kubeconfig = kubeconfig
        self._marks = 0
        self._clients: dict[str, tuple[str, str]] = {}  # the client to its pod and address
        self._text = ""

    def __enter__(self) -> Bench:
        labels = "labels: {istio-injection: enabled}"
        made = f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {NAMESPACE}, {labels}}}\n---\n"
        servers = "".join(SERVER.replace("APP", s) for s in SERVERS)
        applied_with_namespaces(self._kubeconfig, (made + FRESH + servers).replace("NS", NAMESPACE))
        self._ctl("wait", "pod", "--all", "-n", NAMESPACE, "--for=condition=Ready", f"--timeout={LONG:.0f}s")
        listed = self._ctl("get", "pods,services", "-n", NAMESPACE, "-o", "json")
        spaces = self._ctl("get", "namespaces", "-o", "json")
        self._text = "".join("---\n" + yaml.safe_dump(i) for text in (listed, spaces) for i in json.loads(text)["items"])
        for name, (namespace, _) in CLIENTS.items():
            found = json.loads(self._ctl("get", "pods", "-n", namespace, "-l", f"app={name}", "-o", "json"))["items"][0]
            self._clients[name] = (found["metadata"]["name"], found["status"]["podIP"])
        return self

    def __exit__(self, *_: object) -> None:
        self._ctl("delete", "authorizationpolicies", "-n", ROOT, "-l", f"made-by={NAMESPACE}")
        self._ctl("delete", "namespace", NAMESPACE, "--wait=true", f"--timeout={LONG:.0f}s")

    def _ctl(self, *arguments: str, stdin: str | None = None) -> str:
        return kubectl(self._kubeconfig, *arguments, stdin=stdin)

    def round(self, chosen: list[tuple[str, int, Case]]) -> Iterator[Outcome]:
        """Apply the policies of a case on each server, wait until the proxies have them, ask, and compare."""
        objects = [o for server, number, case in chosen for o in case.objects(server, number)]
        self._replace(objects)
        mesh = self._mesh(objects)
        asked = [(server, case, one) for server, _, case in chosen for one in case.asked(server)]
        found = self._outcomes(mesh, asked)
        late = [each for each, outcome in zip(asked, found, strict=True) if not outcome.agrees]
        if late:  # a busy machine may have its policies later than the mark; what is otherwise stays so
            time.sleep(LATE_S)
            again = dict(zip(((s, one.text) for s, _, one in late), self._outcomes(mesh, late), strict=True))
            found = [again.get((s, one.text), outcome) for (s, _, one), outcome in zip(asked, found, strict=True)]
        yield from found

    def _outcomes(self, mesh: Mesh, asked: list[tuple[str, Case, Asked]]) -> list[Outcome]:
        """What becomes of each request, beside what was foretold of it."""
        since = datetime.now(UTC)
        answers = self._ask([(server, one) for server, _, one in asked])
        told = self._told(since)
        made = []
        for server, case, one in asked:
            pod = mesh[Pod].get(NAMESPACE, server)
            assert pod is not None
            client_ip = self._clients[one.client][1]
            request = one.facts(server, client_ip, pod.status.pod_ip, claims_of(one.token))
            details = told.get((server, one.text), "") if one.method else ""
            shown = json.dumps([o["spec"] for o in case.objects(server, 0)])[:600]
            made.append(Outcome(case.name, one.text, shown, decide(mesh, pod, request), answers[server, one.text], details))
        return made

    def _replace(self, objects: list[dict[str, Any]]) -> None:
        both = "authorizationpolicies.security.istio.io,requestauthentications.security.istio.io"
        for namespace in (NAMESPACE, ROOT):
            self._ctl("delete", both, "-n", namespace, "-l", f"made-by={NAMESPACE}", "--wait=false")
        if objects:
            self._ctl("apply", "-f", "-", stdin="---\n".join(yaml.safe_dump(o) for o in objects))
        time.sleep(0.7)  # informers of different kinds are not in step: the mark comes last
        self._marks += 1
        mark = f"/mark-{self._marks}-{time.time():.0f}"
        spec = {"action": "AUDIT", "rules": [{"to": [{"operation": {"paths": [mark]}}]}]}
        meta = {"name": "mark", "namespace": NAMESPACE}
        policy = {"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy", "metadata": meta, "spec": spec}
        self._ctl("apply", "-f", "-", stdin=yaml.safe_dump(policy))
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda server: self._until(server, mark), SERVERS))
        time.sleep(0.2)  # the listener's workers take it a moment after the main thread

    def _until(self, server: str, mark: str) -> None:
        script = (
            f"i=0; while [ $i -lt {WAIT_S * 5} ]; do pilot-agent request GET config_dump?resource=dynamic_listeners"
            f" | grep -q {mark} && exit 0; i=$((i+1)); sleep 0.2; done; exit 1"
        )
        self._ctl("exec", "-n", NAMESPACE, server, "-c", "istio-proxy", "--", "sh", "-c", script)

    def _mesh(self, objects: list[dict[str, Any]]) -> Mesh:
        from meshdoctor.collect.files import mesh_of

        text = self._text + "".join("---\n" + yaml.safe_dump(o) for o in objects)
        return mesh_of(text, now=datetime.now(UTC), mesh_config=MeshConfig(root_namespace=ROOT))

    def _ask(self, asked: list[tuple[str, Asked]]) -> dict[tuple[str, str], str]:
        by_client: dict[str, list[tuple[str, Asked]]] = {}
        for server, one in asked:
            by_client.setdefault(one.client, []).append((server, one))
        found: dict[tuple[str, str], str] = {}
        with ThreadPoolExecutor(4) as pool:
            for part in pool.map(lambda item: self._ask_from(*item), by_client.items()):
                found |= part
        return found

    def _ask_from(self, client: str, asked: list[tuple[str, Asked]]) -> dict[tuple[str, str], str]:
        """All requests of one client at once; each connection is kept open until it was answered."""
        lines = []
        for number, (server, one) in enumerate(asked):
            raw = one.raw(server).encode().hex()
            escaped = "".join(f"\\x{raw[i : i + 2]}" for i in range(0, len(raw), 2))
            # an HTTP server takes a closed half for the end; an echo server answers at once
            wait = "sleep 1" if one.method else "sleep 0.5"
            place = f"{server}.{NAMESPACE} {SERVICE_PORT[one.port]}"
            lines.append(f"(printf '{escaped}'; {wait}) | nc -w 3 {place} > /tmp/az{number} 2>/dev/null &")
        lines.append("wait")
        lines += [f"head -c 200 /tmp/az{n}; echo; echo '{ANSWER}'; rm -f /tmp/az{n}" for n in range(len(asked))]
        namespace, (pod, _) = CLIENTS[client][0], self._clients[client]
        command = [str(HOME / "bin/kubectl"), "--kubeconfig", self._kubeconfig, "exec", "-i", "-n", namespace, pod, "-c", "app"]
        done = subprocess.run([*command, "--", "sh"], input="\n".join(lines).encode(), capture_output=True, check=True, timeout=90)
        answers = done.stdout.decode("utf-8", "replace").split(ANSWER)
        return {(s, one.text): outcome(one, answer) for (s, one), answer in zip(asked, answers, strict=False)}

    def _told(self, since: datetime) -> dict[tuple[str, str], str]:
        """What the servers' access logs tell of refused requests: Envoy's own words, by server and request."""
        found = {}
        for server in SERVERS:
            for entry in log_lines(self._kubeconfig, NAMESPACE, server, since):
                details = str(entry.get("response_code_details") or "")
                if "access_denied" in details and "via_upstream" not in details:
                    found[server, str(entry.get("user_agent"))] = details
        return found


def outcome(one: Asked, answer: str) -> str:
    """The verdict that an answer shows."""
    text = answer.strip()
    if not one.method:
        return Verdict.ALLOWED if "hello" in text or "HTTP/1.1 400" in text else Verdict.DENIED
    status = text.split(" ", 2)[1] if text.startswith("HTTP/1.1 ") else f"no answer {text[:80]!r}"
    passed = Verdict.ALLOWED if status[:1] in ("2", "3", "4") else f"status {status}"
    return {"403": Verdict.DENIED, "401": Verdict.UNAUTHENTICATED}.get(status, passed)
