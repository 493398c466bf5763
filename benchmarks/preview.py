"""Time of the preview of narrow and wide changes over made-up meshes of growing size: `uv run python -m benchmarks.preview`.

The meshes are those of `rules.py`: 4x is 2,000 Istio objects, 1,000 Services and 10,000 pods in 40 namespaces.
"""

from __future__ import annotations

import time

from benchmarks.rules import mesh_of
from meshdoctor.collect.files import objects
from meshdoctor.istio.changes.every import SUBJECTS
from meshdoctor.model.changes import FindingChanges
from meshdoctor.preview import preview

CHANGES = {
    "one route": """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: svc-00, namespace: ns-000}
spec: {hosts: [svc-00], http: [{match: [{uri: {prefix: /a}}], route: [{destination: {host: svc-00}}]}]}
""",
    "the whole mesh": """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: all, namespace: istio-system}
spec: {host: "*.local", trafficPolicy: {tls: {mode: DISABLE}}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: none, namespace: istio-system}
spec: {}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: istio-system}
spec: {egress: [{hosts: ["./*", "istio-system/*"]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: wide, namespace: ns-000}
spec: {hosts: ["*.svc.cluster.local"], http: [{route: [{destination: {host: svc-00}}]}]}
""",
}


def main() -> None:
    """Print the seconds of each subject, and how many effects there are."""
    for times in (1, 2, 4):
        before = mesh_of(10 * times)
        for name, text in CHANGES.items():
            things = list(objects(text))
            began = time.perf_counter()
            found = preview(before, before.overlaid(things), things, FindingChanges())
            took = time.perf_counter() - began
            each = []
            after = before.overlaid(things)
            for about, subject in SUBJECTS.items():
                start = time.perf_counter()
                count = len(list(subject(before, after)))
                each.append(f"{about} {time.perf_counter() - start:.2f} s ({count})")
            print(f"{times}x  {name:15} {took:6.2f} s  {len(found.effects)} effects: {', '.join(each)}")


if __name__ == "__main__":
    main()
