"""kubeconfig files as kubectl reads them: several merged, the first to say something wins, paths relative to their file."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

import msgspec
import yaml

from meshdoctor.model.errors import UsageError
from meshdoctor.model.text import some

Node = dict[str, object]


class ContextInfo(msgspec.Struct, frozen=True):
    """One context of the kubeconfig."""

    name: str
    cluster: str = ""
    user: str = ""
    namespace: str = ""
    server: str = ""


class Contexts(msgspec.Struct, frozen=True):
    """The contexts that can be chosen, and the current one (an empty string where none is set)."""

    current: str
    names: tuple[ContextInfo, ...]


class Entry(msgspec.Struct, frozen=True):
    """A named cluster, user or context, with the folder that its relative paths start from."""

    value: Node
    base: Path


class Kubeconfig(msgspec.Struct):
    """The merged files."""

    paths: list[str] = []
    current: str = ""
    clusters: dict[str, Entry] = {}
    users: dict[str, Entry] = {}
    contexts: dict[str, Entry] = {}


class Chosen(msgspec.Struct, frozen=True):
    """A context with its cluster and user (None where the context names no user)."""

    name: str
    namespace: str
    cluster_name: str
    user_name: str
    cluster: Entry
    user: Entry | None


def candidate_paths(kubeconfig: str | None) -> list[Path]:
    """Where to look: `--kubeconfig`, else KUBECONFIG's list, else ~/.kube/config."""
    if kubeconfig:
        return [Path(kubeconfig).expanduser()]
    listed = [Path(p).expanduser() for p in os.environ.get("KUBECONFIG", "").split(os.pathsep) if p]
    return listed or [Path("~/.kube/config").expanduser()]


def read(kubeconfig: str | None = None) -> Kubeconfig | None:
    """The merged kubeconfig; None where no file exists. Raises UsageError for a broken one, or a named one that is missing."""
    merged = Kubeconfig()
    for path in candidate_paths(kubeconfig):
        if not path.exists():
            if kubeconfig:
                raise UsageError(f"There is no kubeconfig {path}.", do="Check --kubeconfig.")
            continue
        merged.paths.append(str(path))
        _merge(merged, path, _parse(path))
    return merged if merged.paths else None


def _parse(path: Path) -> Node:
    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        document = yaml.load(path.read_bytes(), Loader=loader)
    except OSError as why:
        raise UsageError(f"The kubeconfig {path} cannot be read: {why.strerror or why}.") from why
    except (yaml.YAMLError, ValueError) as why:
        line = getattr(getattr(why, "problem_mark", None), "line", None)
        at = f" (line {line + 1})" if isinstance(line, int) else ""
        raise UsageError(f"The kubeconfig {path} is not valid YAML{at}: {getattr(why, 'problem', None) or 'unreadable'}.") from why
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise UsageError(f"{path} is not a kubeconfig: it holds {_article(document)}, not a mapping.")
    return document


def _article(value: object) -> str:
    return {"list": "a list", "str": "a text"}.get(type(value).__name__, f"a {type(value).__name__}")


def _merge(merged: Kubeconfig, path: Path, document: Node) -> None:
    current = document.get("current-context")
    merged.current = merged.current or (current if isinstance(current, str) else "")
    base = path.absolute().parent
    for key, inner, target in (
        ("clusters", "cluster", merged.clusters),
        ("users", "user", merged.users),
        ("contexts", "context", merged.contexts),
    ):
        listed = document.get(key) or []
        if not isinstance(listed, list):
            raise UsageError(f"The kubeconfig {path} is broken: {key} is not a list.")
        for item in listed:
            if not isinstance(item, dict) or not isinstance(item.get("name"), str) or not isinstance(item.get(inner) or {}, dict):
                raise UsageError(f"The kubeconfig {path} is broken: an entry of {key} lacks name or {inner}.")
            target.setdefault(item["name"], Entry(item.get(inner) or {}, base))


def text(node: Node, key: str) -> str:
    """A field as text; an empty string where it is absent."""
    value = node.get(key)
    return "" if value is None else str(value)


def contexts(kubeconfig: str | None = None) -> Contexts:
    """The contexts of the kubeconfig, sorted by name; none where there is no kubeconfig. Raises UsageError for a broken one."""
    merged = read(kubeconfig)
    if merged is None:
        return Contexts("", ())
    return Contexts(merged.current, tuple(_info(merged, name, entry.value) for name, entry in sorted(merged.contexts.items())))


def _info(merged: Kubeconfig, name: str, node: Node) -> ContextInfo:
    cluster = merged.clusters.get(text(node, "cluster"))
    server = text(cluster.value, "server") if cluster else ""
    return ContextInfo(name, text(node, "cluster"), text(node, "user"), text(node, "namespace"), server)


def choose(merged: Kubeconfig, context: str | None) -> Chosen:
    """The context by name, or the current one. Raises UsageError that names the near ones."""
    shown = ", ".join(merged.paths)
    if not merged.contexts:
        raise UsageError(f"The kubeconfig {shown} has no contexts.", do="Name another with --kubeconfig or KUBECONFIG.")
    name = context or merged.current
    known = sorted(merged.contexts)
    if not name:
        raise UsageError(f"The kubeconfig {shown} has no current context.", do=f"Choose one with --context: {some(known, 8)}.")
    entry = merged.contexts.get(name)
    if entry is None:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"There are: {some(known, 8)}."
        raise UsageError(f"There is no context {name!r} in {shown}.", do=hint)
    cluster_name, user_name = text(entry.value, "cluster"), text(entry.value, "user")
    cluster, user = merged.clusters.get(cluster_name), merged.users.get(user_name)
    if cluster is None:
        raise UsageError(f"The context {name!r} names the cluster {cluster_name!r}, which {shown} does not define.")
    if user is None and user_name:
        raise UsageError(f"The context {name!r} names the user {user_name!r}, which {shown} does not define.")
    return Chosen(name, text(entry.value, "namespace") or "default", cluster_name, user_name, cluster, user)
