"""`python -m meshdoctor.kube.credentials_child CONTEXT STDERR PATH...`: prints a user's credentials as JSON.

A process of its own, because `kubernetes.config` lets plugins inherit our terminal, waits for them without end and logs their
failure away. Their stderr goes to the file STDERR, so that it can be read even when the plugin hangs and is killed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import types
from pathlib import Path
from typing import Any

from meshdoctor.kube.kubeconfig import Chosen, Kubeconfig, choose, read
from meshdoctor.model.errors import MeshdoctorError

REDIRECT = 'exec "$@" 2>>"$0"'


class Fields(dict[str, Any]):
    """A mapping as ExecProvider wants it: `value` and `safe_get` of kubernetes' ConfigNode, without importing that."""

    @property
    def value(self) -> dict[str, Any]:
        return dict(self)

    def safe_get(self, key: str) -> Any:
        return self.get(key)


def main(context: str, stderr: str, paths: list[str]) -> dict[str, Any]:
    os.environ["KUBECONFIG"] = os.pathsep.join(paths)
    merged = read()
    if merged is None:
        return {"error": "the kubeconfig is gone."}
    chosen = choose(merged, context)
    user = chosen.user.value if chosen.user else {}
    if "auth-provider" in user:
        return from_auth_provider(merged, chosen)
    return from_exec(chosen, stderr)


def from_exec(chosen: Chosen, stderr: str) -> dict[str, Any]:
    user: Any = chosen.user.value["exec"] if chosen.user else {}
    if user.get("interactiveMode") == "Always":
        return {"error": "it wants a terminal (interactiveMode: Always), which it is not given here."}
    base = str(chosen.user.base) if chosen.user else ""
    provider = exec_provider()(Fields(user), base, Fields(chosen.cluster.value))
    # ExecProvider keeps a plugin's stderr to itself and loses it when the plugin hangs: a login prompt would go unseen.
    command, *rest = provider.args
    if "/" not in command:  # kubectl resolves a bare name by PATH, and one with a slash from the kubeconfig's folder
        command = which(command, provider.env)
    provider.args = ["/bin/sh", "-c", REDIRECT, stderr, command, *rest]
    status = provider.run()
    return {
        "token": status.get("token") or "",
        "cert": status.get("clientCertificateData") or "",
        "key": status.get("clientKeyData") or "",
        "expires": status.get("expirationTimestamp"),
    }


def which(command: str, env: dict[str, str]) -> str:
    """The program's path. Raises FileNotFoundError in words."""
    import shutil

    if found := shutil.which(command, path=env.get("PATH")):
        return found
    raise FileNotFoundError(f"{command} is not installed, or not on PATH.")


def exec_provider() -> Any:
    """kubernetes' ExecProvider without the 0.6 s of API models that importing the package costs."""
    spec = importlib.util.find_spec("kubernetes")
    if spec is not None and spec.origin is not None:
        for name, folder in (("kubernetes", Path(spec.origin).parent), ("kubernetes.config", Path(spec.origin).parent / "config")):
            bare = types.ModuleType(name)
            bare.__path__ = [str(folder)]
            sys.modules[name] = bare
    from kubernetes.config.exec_provider import ExecProvider

    return ExecProvider


def from_auth_provider(merged: Kubeconfig, chosen: Chosen) -> dict[str, Any]:
    from kubernetes.client import Configuration
    from kubernetes.config import load_kube_config

    configuration = Configuration()
    # Refreshed OIDC tokens are written back, as kubectl does: the refresh token may serve only once.
    load_kube_config(os.pathsep.join(merged.paths), chosen.name, configuration)  # type: ignore[no-untyped-call]  # kubernetes is typed in part
    keys = configuration.api_key
    token = keys.get("BearerToken") or keys.get("authorization") or ""
    provider: Any = chosen.user.value["auth-provider"] if chosen.user else {}
    unknown = "" if token else f"kubernetes.config knows no such provider ({provider.get('name')}), or its token is broken."
    return {"token": token, "error": unknown}


def run(arguments: list[str]) -> dict[str, Any]:
    """`main` with every failure as `error`: this process has no other way to say anything."""
    try:
        return main(arguments[0], arguments[1], arguments[2:])
    except MeshdoctorError as why:
        return {"error": str(why)}
    except Exception as why:  # whatever the kubernetes library or a plugin raises is told, and a traceback tells nobody
        said = str(why).removeprefix("exec: ") or type(why).__name__
        return {"error": said if said.endswith(".") else f"{said}."}


if __name__ == "__main__":
    answer = run(sys.argv[1:])
    print(json.dumps(answer))
