"""The documents that the API server must accept or refuse, with the words of its refusal."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from meshdoctor.istio.schema.objects import schema_faults
from tests.vectors.cases import VECTORS, must_be_there

FOLDER = VECTORS / "istio-validation"


def documents() -> list[tuple[str, dict[str, Any]]]:
    found = []
    for path in sorted(FOLDER.glob("*.yaml")) if FOLDER.exists() else ():
        for i, document in enumerate(yaml.load_all(path.read_text(), Loader=yaml.CSafeLoader)):
            if document:
                found.append((f"{path.stem}-{i}-{document['metadata']['name']}", document))
    return found


DOCUMENTS = documents()


@pytest.mark.parametrize(("case", "document"), DOCUMENTS, ids=[name for name, _ in DOCUMENTS])
def test_istio_validation(case: str, document: dict[str, Any], record_property: Any) -> None:
    must_be_there()
    body = {k: v for k, v in document.items() if k != "_err"}
    wanted = document.get("_err")
    told = [f.quote for f in schema_faults(body)]
    same = any(wanted in quote for quote in told) if wanted else not told
    record_property("vectors", ["istio-validation", same, case, ""])
    assert same, f"wanted {wanted!r}, told {told}"
