"""Writes `meshdoctor/schemas/` from files of CRDs: `uv run tools/schemas.py crd-all.gen.yaml config/crd/experimental/*.yaml`.

Where they come from is noted in `meshdoctor/schemas/README.md`; after an update its versions are to be mended too.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

TARGET = Path(__file__).parents[1] / "meshdoctor" / "schemas"
# Fields that istio/api has merged and that the module of that version lacks: (kind, path of the mapping, name, schema)
NEWER = (
    # istio/api#3737, merged 2026-07
    ("RequestAuthentication", "spec.jwtRules.items", "presence", {"enum": ["OPTIONAL", "REQUIRED"], "type": "string"}),
)
GROUPS = ("istio.io", "gateway.networking.k8s.io")


def main(paths: list[str]) -> None:
    for path in paths:
        for document in yaml.load_all(Path(path).read_text(), Loader=yaml.CSafeLoader):
            if isinstance(document, dict) and document.get("kind") == "CustomResourceDefinition":
                write(document["spec"])


def write(crd: dict[str, Any]) -> None:
    """One file a kind: its versions, each with the number of its schema, since most share one."""
    if not crd["group"].endswith(GROUPS):
        return
    versions, schemas = {}, []
    for version in (v for v in crd["versions"] if v.get("served")):
        schema = slim(version["schema"]["openAPIV3Schema"])
        add_newer(schema, crd["names"]["kind"])
        if schema not in schemas:
            schemas.append(schema)
        versions[version["name"]] = schemas.index(schema)
    folder = TARGET / crd["group"]
    folder.mkdir(parents=True, exist_ok=True)
    whole = {"versions": versions, "schemas": schemas}
    (folder / f"{crd['names']['kind']}.json").write_text(json.dumps(whole, separators=(",", ":")) + "\n")


def add_newer(schema: dict[str, Any], kind: str) -> None:
    for of, path, name, field in NEWER:
        if of == kind:
            place = schema
            for step in path.split("."):
                place = place["items"] if step == "items" else place["properties"][step]
            place["properties"].setdefault(name, field)


def slim(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema of what authors write: the object's frame and its status are the API server's."""
    kept = without_words(schema)
    for name in ("apiVersion", "kind", "metadata", "status"):
        kept.get("properties", {}).pop(name, None)
    return kept


def without_words(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_words(v) for k, v in value.items() if not (k == "description" and isinstance(v, str))}
    return [without_words(v) for v in value] if isinstance(value, list) else value


if __name__ == "__main__":
    main(sys.argv[1:])
