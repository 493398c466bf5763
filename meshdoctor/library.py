"""What others call: load a mesh, check it, diagnose it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from meshdoctor.collect.files import mesh_of_manifests
from meshdoctor.collect.live import Options, collect
from meshdoctor.collect.reading.given import read, read_text
from meshdoctor.diagnosis import judge
from meshdoctor.model.findings import Diagnosis, Finding
from meshdoctor.model.mesh import Mesh


def load(source: str | Path | None = None, *, context: str | None = None, kubeconfig: str | None = None) -> Mesh:
    """A mesh: of manifests (a file or folder, or YAML text with a line break), else of the live cluster of a context.

    Manifests are taken as `meshdoctor check` takes them: what is broken in them are findings. Raises MeshdoctorError
    where the cluster cannot be read or there is no manifest, OSError where the path does not exist.
    """
    if source is None:
        return asyncio.run(_live(context, kubeconfig))
    if isinstance(source, str) and "\n" in source:
        return mesh_of_manifests(read_text(source))
    os.stat(source)
    return mesh_of_manifests(read([str(source)]))


async def _live(context: str | None, kubeconfig: str | None) -> Mesh:
    from meshdoctor.kube.client import ApiClient
    from meshdoctor.kube.credentials import load as load_credentials

    async with ApiClient(await load_credentials(kubeconfig, context)) as api:
        return await collect(api, Options(namespace=api.credentials.namespace or None))


def check(mesh: Mesh, *, namespace: str | None = None) -> tuple[Finding, ...]:
    """The findings of all rules, worst first."""
    return judge(mesh, namespace=namespace).findings


def diagnose(mesh: Mesh | None = None, *, context: str | None = None, namespace: str | None = None) -> Diagnosis:
    """Findings and ranked causes of a mesh; of the live one where none is given."""
    return judge(mesh or load(context=context), namespace=namespace)
