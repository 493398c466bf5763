"""Lists as kubectl prints them: the columns that the API server had, else name and age."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from meshdoctor.bundle.archive import Answer
from meshdoctor.bundle.lists import Object, name_of, partial
from meshdoctor.bundle.statuses import json_answer

Json = dict[str, Any]
COLUMNS = [
    {"name": "Name", "type": "string", "format": "name", "description": "", "priority": 0},
    {"name": "Age", "type": "string", "format": "", "description": "", "priority": 0},
]
RECORDED = (("includeObject", "Metadata"),)  # how a bundle asked for the tables of its kinds


def is_asked(accept: str) -> bool:
    """Whether a table is wanted before anything else."""
    return "as=Table" in accept.partition(",")[0]


def table(items: list[Object], recorded: Answer | None, now: datetime, version: str, include: str) -> Answer:
    """The table of some objects."""
    columns: list[Json] = COLUMNS
    cells: dict[tuple[str, str], Any] = {}
    if recorded is not None and recorded.status == 200:
        told = msgspec.json.decode(recorded.body)
        columns = told.get("columnDefinitions") or COLUMNS
        cells = {name_of(row.get("object") or {}): row.get("cells") for row in told.get("rows") or ()}
    rows = [_row(item, cells, columns, now, include) for item in items]
    body = {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": version},
        "columnDefinitions": columns,
        "rows": rows,
    }
    return json_answer(body)


def _row(item: Object, cells: dict[tuple[str, str], Any], columns: list[Json], now: datetime, include: str) -> Json:
    shown = cells.get(name_of(item)) or [_cell(item, column, now) for column in columns]
    row: Json = {"cells": shown}
    if include != "None":
        row["object"] = item if include == "Object" else partial(item)
    return row


def _cell(item: Object, column: Json, now: datetime) -> str:
    if column.get("name") == "Name":
        return name_of(item)[1]
    return _age(item, now) if column.get("name") == "Age" else "<unknown>"


def _age(item: Object, now: datetime) -> str:
    """As kubectl says it, in the largest two units."""
    try:
        created = msgspec.convert((item.get("metadata") or {}).get("creationTimestamp"), datetime)
    except msgspec.ValidationError:
        return "<unknown>"
    seconds = max(0, int((now - created).total_seconds())) if created.tzinfo is not None else 0
    if seconds < 120:
        return f"{seconds}s"
    if seconds < 10_800:
        return f"{seconds // 60}m"
    return f"{seconds // 3600}h" if seconds < 172_800 else f"{seconds // 86_400}d"
