"""Secrets in objects and dumps: found by where they stand, not by what they look like."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

import msgspec

from meshdoctor.bundle.redaction import names, texts
from meshdoctor.bundle.redaction.marks import MARK, Marks

Json = dict[str, Any]

SAME_OBJECT = re.compile(r"last-applied|objectset\.rio\.cattle\.io/applied|applied-configuration|kapp\.k14s\.io/original")
"""Annotations that hold a copy of the whole object as it was applied."""

ENVOYS = "W3JlZGFjdGVkXQ=="  # what Envoy itself writes for a secret: "[redacted]"
_KEY_MATERIAL = frozenset(
    {"private_key", "privateKey", "password", "session_ticket_keys", "sessionTicketKeys", "token_secret", "hmac_secret",
     "client_secret", "generic_secret", "genericSecret", "tokenSecret", "hmacSecret", "pkcs12"}
)  # fmt: skip
_INLINE = ("inline_string", "inline_bytes", "inlineString", "inlineBytes")
_CODE = frozenset({"inline_code", "inlineCode", "inline", "default_source_code", "source_codes", "defaultSourceCode"})
_PLUGIN = frozenset({"pluginConfig", "plugin_config", "vm_config", "vmConfig"})
_JWK_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "k", "oth"})
_PLAIN = frozenset({"apiVersion", "kind", "uid", "resourceVersion", "creationTimestamp", "@type", "type_url", "generation"})
_MATCHES = frozenset({"exact", "prefix", "regex", "suffix", "contains"})
_WHEN = re.compile(r"request\.headers\[(.+)\]")
_NAMED = ("name", "key", "header", "headerName", "header_name")
_VALUED = frozenset({"value", "raw_value", "rawValue", "values", "notValues"})
_VARIABLES = frozenset({"env", "envFrom", "env_vars"})
_TELLING = _VALUED | {"kind", "type", "kty"}  # what says of an object that it is a special one
_TREATED = (
    frozenset({"data", "stringData", "binaryData", "annotations", "labels", "openAPIV3Schema", "args", "command", "jwks"})
    | _CODE | _PLUGIN | _KEY_MATERIAL
)  # fmt: skip
MOST_KNOWN, LONGEST_KNOWN = 16_000_000, 2_000  # characters of all texts that are remembered, and of one of them


class _Known(set[str]):
    """Texts in which there was nothing to remove. Most texts of a mesh occur many times, and nothing but the text decides."""

    size = 0

    def keep(self, text: str) -> None:
        """Remember a text; all are forgotten where they become too many. JSON is judged by the name that it has, too: not it."""
        if len(text) > LONGEST_KNOWN or text[:1] in ("{", "["):
            return
        if self.size > MOST_KNOWN:
            self.clear()
            self.size = 0
        self.add(text)
        self.size += len(text)


class Cleaner:
    """Walks a decoded JSON value and gives it without secrets. `keep_code` leaves Lua and plug-in configuration in."""

    def __init__(self, marks: Marks, *, keep_code: bool = False) -> None:
        self._marks, self._keep_code = marks, keep_code
        self._clean, self._clean_arguments = _Known(), _Known()
        self._usual = _Known()  # names of fields whose values are judged by themselves

    def value(self, value: Any, name: str = "") -> Any:
        """Any value; `name` is the field it stands in."""
        if isinstance(value, str):
            return value if len(value) < 8 or value in self._clean else self._text(value, name)
        if isinstance(value, dict):
            return self._object(value, name)
        return [self.value(v, name) for v in value] if isinstance(value, list) else value

    def schema(self, value: Any) -> Any:
        """A schema of JSON: its names are names of fields, no fields; texts in it are looked at by themselves."""
        if isinstance(value, dict):
            return {k: self.schema(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.schema(v) for v in value]
        if not isinstance(value, str) or value in self._clean:
            return value
        cleaned = texts.clean(value, self._marks)
        if cleaned == value:
            self._clean.keep(value)
        return cleaned

    def _object(self, value: Json, name: str) -> Json:
        telling = not _TELLING.isdisjoint(value)
        if telling and (value.get("kind") == "Secret" or ("type" in value and "data" in value and "metadata" in value)):
            value = self._secret(value)
        if name == "metadata":
            value = _metadata(value)
        if telling and "kty" in value:
            return {k: self._marks.put("jwk", str(v)) if k in _JWK_PRIVATE else v for k, v in value.items()}
        if name in _VARIABLES:
            return self._variable(value)
        if telling and not _VALUED.isdisjoint(value) and (named := self._named_pair(value)) is not None:
            return named
        return self._fields(value)

    def _fields(self, value: Json) -> Json:
        """The fields of an ordinary object: a short way through, since there are millions."""
        usual, clean = self._usual, self._clean
        cleaned: Json = {}
        for key, each in value.items():
            if key in usual:
                if type(each) is dict:
                    cleaned[key] = self._object(each, key)
                else:
                    cleaned[key] = each if type(each) is str and each in clean else self.value(each, key)
            elif key in _PLAIN:
                cleaned[key] = each
            elif SAME_OBJECT.search(key) is None:
                cleaned[self._key(key)] = self._field(key, each)
        return cleaned

    def _key(self, key: str) -> str:
        cleaned = texts.clean(key, self._marks) if len(key) > 16 else key
        if cleaned == key and key not in _TREATED and not names.is_secret(key):
            self._usual.keep(key)
        return cleaned

    def _field(self, key: str, value: Any) -> Any:
        if key in ("data", "stringData", "binaryData") and isinstance(value, dict):
            return {k: self._entry(k, v) for k, v in value.items()}
        if key in ("annotations", "labels") and isinstance(value, dict):
            return {k: self._annotation(k, v) for k, v in value.items() if SAME_OBJECT.search(k) is None}
        if key == "openAPIV3Schema":
            return self.schema(value)
        if key in ("args", "command") and isinstance(value, list):
            return self._arguments(value)
        if not self._keep_code and key in _CODE | _PLUGIN and isinstance(value, str | dict | list):
            return self._code(key, value)
        if key in _KEY_MATERIAL and isinstance(value, dict | list) and (found := self._material(value)) is not None:
            return found
        if names.is_secret(key):
            return self._secret_field(key, value)
        if key == "jwks" and isinstance(value, str):
            return self._nested(value, key, self._words)
        return self.value(value, key)

    def _secret(self, value: Json) -> Json:
        """A Secret: its names only."""
        kept = {k: v for k, v in value.items() if k not in ("data", "stringData")}
        for field in ("data", "stringData"):
            for entry in (value.get(field) or {}).values() if isinstance(value.get(field), dict) else ():
                self._marks.put("secret-data", str(entry))
        return kept

    def _variable(self, value: Json) -> Json:
        """An environment variable: its name and where it comes from; its value where it configures Istio."""
        text = value.get("value")
        if not isinstance(text, str) or not text:
            return {k: self.value(v, k) for k, v in value.items()}
        name = str(value.get("name", ""))
        if names.env_is_kept(name):
            return value | {"value": self._text(text, name)}
        if names.is_secret(name) and not names.is_harmless(text):
            return value | {"value": self._marks.put("env", text)}
        self._argument(text)  # what is secret in it for certain may stand elsewhere too
        return value | {"value": self._marks.put("env", text, certain=False)}

    def _named_pair(self, value: Json) -> Json | None:
        """`{name: Authorization, value: ...}`, and the conditions of policies on such headers."""
        name = next((value[k] for k in _NAMED if isinstance(value.get(k), str)), "")
        when = _WHEN.fullmatch(name)
        if not name or not names.is_secret(when[1] if when else name):
            return None
        return {k: self._leaves(v, "named") if k in _VALUED else self.value(v, k) for k, v in value.items()}

    def _secret_field(self, key: str, value: Any) -> Any:
        """A field whose name says secret: its text, or the texts of a list or of a match go; what is structure stays."""
        if isinstance(value, str):
            return self._leaves(value, "field")
        if isinstance(value, list) and all(isinstance(v, str) for v in value):
            return self._leaves(value, "field")
        if isinstance(value, dict) and value and value.keys() <= _MATCHES:
            return self._leaves(value, "header-match")
        if isinstance(value, int) and not isinstance(value, bool) and "passw" in key.lower():
            return self._marks.put("field", str(value), certain=False)
        return self.value(value, key)

    def _leaves(self, value: Any, kind: str) -> Any:
        """The value with every text in it replaced."""
        if isinstance(value, str):
            return value if names.is_harmless(value) or not value else self._marks.put(kind, value)
        if isinstance(value, list):
            return [self._leaves(v, kind) for v in value]
        return {k: self._leaves(v, kind) for k, v in value.items()} if isinstance(value, dict) else value

    def _material(self, value: Any) -> Any:
        """A data source of Envoy that carries a key in line; None where it only says where one is."""
        if isinstance(value, list):
            found = [self._material(v) if isinstance(v, dict | list) else v for v in value]
            return found if any(f is not None for f in found) else None
        if not any(k in value for k in _INLINE):
            inner = {k: self._material(v) for k, v in value.items() if isinstance(v, dict | list)}
            return value | {k: v for k, v in inner.items() if v is not None} if any(v is not None for v in inner.values()) else None
        return {
            k: self._marks.put("key-material", str(v)) if k in _INLINE and v not in ("", ENVOYS, "[redacted]") else v
            for k, v in value.items()
        }

    def _code(self, key: str, value: Any) -> Any:
        """The body of a script or of a plug-in's configuration: its digest, so that equal ones can be told."""
        if key == "inline" and not isinstance(value, str):
            return self.value(value, key)
        raw = msgspec.json.encode(value)
        self.value(msgspec.json.decode(raw), "")  # what is secret in it may stand elsewhere too
        self._marks.counts[self._marks.file, "code"] += 1
        digest = hashlib.sha256(raw).hexdigest()[:16]
        return f"<redacted:code:{digest[:8]}>" if isinstance(value, str) else {"redacted": f"sha256:{digest}"}

    def _annotation(self, key: str, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if names.is_secret(key.rpartition("/")[2]) and not names.is_harmless(value):
            return self._marks.put("annotation", value)
        return self._nested(value, key, self._argument)

    def _argument(self, text: str) -> str:
        """A command line, or one argument of it."""
        if text in self._clean_arguments:
            return text
        cleaned = texts.clean_argument(text, self._marks)
        if cleaned == text:
            self._clean_arguments.keep(text)
        return cleaned

    def _entry(self, key: str, value: Any) -> Any:
        """One entry of a ConfigMap."""
        if not isinstance(value, str):
            return self.value(value, key)
        if names.is_secret(key.partition(".")[0]) and not names.is_harmless(value):
            return self._marks.put("config", value)
        return self._nested(value, key, self._argument)

    def _arguments(self, arguments: list[Any]) -> list[Any]:
        """A command line; `--password` hides the next argument."""
        cleaned: list[Any] = []
        hidden, before = False, ""
        for argument in arguments:
            if not isinstance(argument, str):
                cleaned.append(self.value(argument))
                continue
            flag, equals, value = argument.partition("=")
            sensitive = flag.startswith("-") and names.is_secret(flag)
            if before in ("-u", "--user") and ":" in argument:
                cleaned.append(self._marks.put("argument", argument))
            elif hidden and not argument.startswith("-"):
                cleaned.append(argument if names.is_harmless(argument) else self._marks.put("argument", argument))
            elif sensitive and equals and not names.is_harmless(value):
                cleaned.append(f"{flag}={self._marks.put('argument', value)}")
            else:
                cleaned.append(self._argument(argument))
            hidden, before = sensitive and not equals, argument
        return cleaned

    def _text(self, value: str, name: str) -> str:
        if len(value) < 8 or (MARK.fullmatch(value) is not None):
            return value
        cleaned = self._nested(value, name, self._words)
        if cleaned == value:
            self._clean.keep(value)
        return cleaned

    def _words(self, text: str) -> str:
        return texts.clean(text, self._marks)

    def _nested(self, value: str, name: str, clean: Callable[[str], str]) -> str:
        """Text that may itself be JSON: then what is in it is judged by its names too."""
        if value[:1] in "{[" and value.rstrip()[-1:] in "}]":
            try:
                told = msgspec.json.decode(value)
            except (msgspec.DecodeError, RecursionError):
                return clean(value)
            cleaned = self.value(told, name)
            return value if cleaned == told else msgspec.json.encode(cleaned).decode()
        return clean(value)


def _metadata(value: Json) -> Json:
    """Metadata without the lists of managed fields, whose authors stay."""
    managed = value.get("managedFields")
    if isinstance(managed, list):
        value = value | {"managedFields": [{k: v for k, v in m.items() if k != "fieldsV1"} for m in managed if isinstance(m, dict)]}
    return value
