"""Readers of the model's structs in protobuf, made from their types and their field numbers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from msgspec import inspect

from meshdoctor.kube import wire
from meshdoctor.kube.numbers import NUMBERS, OF_QUANTITIES, SELDOM_ALIKE, Numbers
from meshdoctor.kube.wire import Field, Once, Reader, length_tag, varint_tag
from meshdoctor.model.base import KubernetesObject


@functools.cache
def reader_of(kind: type[KubernetesObject]) -> Reader:
    """Reads one object of a kind. Raises KeyError where a field has no number."""
    return _Maker(NUMBERS[kind]).struct(kind)


class _Maker:
    """The readers of one kind's parts, each made once."""

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers
        self._made: dict[type, Reader] = {}
        self._once: dict[type, Callable[[bytes], Any]] = {}

    def struct(self, shape: type[msgspec.Struct]) -> Reader:
        """Reads a struct. Kept only when it is done, since no part of a pod holds another of its own type."""
        if shape not in self._made:
            self._made[shape] = wire.reader(shape, dict(self._fields(shape)))
        return self._made[shape]

    def once(self, shape: type[msgspec.Struct]) -> Callable[[bytes], Any]:
        """Reads a struct that is shared by all who have the same bytes."""
        if shape not in self._once:
            self._once[shape] = Once(wire.within(self.struct(shape))).__getitem__
        return self._once[shape]

    def _fields(self, shape: type[msgspec.Struct]) -> Iterator[tuple[int, Field]]:
        numbers = self._numbers[shape]
        for name, declared in zip(shape.__struct_fields__, inspect.type_info(shape).fields, strict=True):  # type: ignore[attr-defined]  # of a struct it is a StructType
            number = numbers[name]
            if isinstance(number, tuple):
                inner = wire.reader(dict, {_tag(number[1], declared.type): self._field(shape, name, declared.type)})
                yield length_tag(number[0]), ("", wire.AROUND, inner)
            elif number is not None:
                yield _tag(number, declared.type), self._field(shape, name, declared.type)

    def _field(self, shape: type[msgspec.Struct], name: str, declared: inspect.Type) -> Field:
        match _present(declared):
            case inspect.VarTupleType(item_type=inspect.StructType(cls)) if cls in SELDOM_ALIKE:
                return name, wire.EACH_HERE, self.struct(cls)
            case inspect.VarTupleType(item_type=item):
                return name, wire.EACH, self._value(item)
            case inspect.DictType():
                value = wire.quantity if shape in OF_QUANTITIES else wire.SHARED_TEXT
                return name, wire.ENTRY, Once(wire.entry_of(value)).__getitem__
            case inspect.StructType(cls) if cls in SELDOM_ALIKE:
                return name, wire.HERE, self.struct(cls)
            case inspect.StrType() | inspect.DateTimeType() as other:  # absent in JSON where empty here
                return name, wire.FILLED, self._value(other)
            case inspect.IntType() | inspect.BoolType() as other:
                return name, wire.NUMBER, self._value(other)
            case other:
                return name, wire.ONE, self._value(other)

    def _value(self, declared: inspect.Type) -> Callable[..., Any]:
        match declared:
            case inspect.StructType(cls):
                return self.once(cls)
            case inspect.StrType():
                return wire.SHARED_TEXT
            case inspect.BoolType():
                return bool
            case inspect.IntType():
                return wire.integer
            case inspect.DateTimeType():
                return Once(wire.time).__getitem__
            case inspect.UnionType():
                return wire.int_or_string
        raise TypeError(f"protobuf of {declared} is not read")


def _present(declared: inspect.Type) -> inspect.Type:
    """The type of a field where it is given: None means that it is not."""
    if isinstance(declared, inspect.UnionType):
        given = [t for t in declared.types if not isinstance(t, inspect.NoneType)]
        return given[0] if len(given) == 1 else declared
    return declared


def _tag(number: int, declared: inspect.Type) -> int:
    is_number = isinstance(_present(declared), (inspect.IntType, inspect.BoolType))
    return varint_tag(number) if is_number else length_tag(number)
