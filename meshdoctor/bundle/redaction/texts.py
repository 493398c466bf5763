"""Secrets in free text: logs, messages, annotations, arguments."""

from __future__ import annotations

import base64
import binascii
import functools
import re

from meshdoctor.bundle.redaction import names
from meshdoctor.bundle.redaction.applied import clean_applied, clean_secrets
from meshdoctor.bundle.redaction.marks import Marks

_BREAK = r"(?:\\+[nr]|\s)"
_PEM = re.compile(
    r"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?)-----"
    rf"(?:.{{0,20000}}?-----END \1-----|(?:{_BREAK}|[A-Za-z0-9+/=:,.\\ -])*)",
    re.DOTALL,
)
_ENCODED = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{20,}={0,2}")
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*){0,3}")
_PREFIXED = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA|ANVA|ABIA|ACCA)[A-Z0-9]{16}\b|AIza[0-9A-Za-z_-]{30,}|ya29\.[0-9A-Za-z_-]{10,}|GOCSPX-[\w-]{20,}|"
    r"1//0[\w-]{20,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|gl(?:pat|dt|rt|cbt|ptt|soat)-[\w-]{15,}|xox[abeoprs]-[\w-]{10,}|"
    r"xapp-[\w-]{20,}|[srp]k_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{16,}|SG\.[\w-]{16,}\.[\w-]{16,}|npm_[A-Za-z0-9]{30,}|pypi-[\w-]{20,}|"
    r"hv[sbr]\.[\w-]{20,}|s\.[A-Za-z0-9]{24}\b|do[opr]_v1_[a-f0-9]{32,}|sk-(?:ant-|proj-)?[\w-]{20,}|hf_[A-Za-z0-9]{20,}|dckr_(?:pat|oat)_[\w-]{16,}|"
    r"dapi[a-f0-9]{32}|dop_v1_\w+|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}|\d{8,10}:AA[\w-]{32,}|AGE-SECRET-KEY-1[A-Z0-9]{20,}|"
    r"key-[0-9a-f]{32}\b|SK[0-9a-f]{32}\b|LTAI[A-Za-z0-9]{12,}|[A-Za-z0-9]{14}\.atlasv1\.[\w-]{40,}|[\w~.-]{3}[78]Q~[\w~.-]{31,34}|"
    r"NRAK-[A-Z0-9]{20,}|glsa_\w{20,}|glc_[\w+/=]{20,}|eyJrIjoi[\w+/=]{20,}|sha256~[\w-]{20,})"
)
_SCHEME = re.compile(r"(?i)\b(bearer|basic|negotiate|ntlm|aws4-hmac-sha256)(\s+|%20|\+)([A-Za-z0-9+/=._~-]{6,})")
_USERINFO = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{1,20}://)([^/\s\"'<>@]{1,400})@")
_HOOK = re.compile(r"(hooks\.slack\.com/services/|discord(?:app)?\.com/api/webhooks/|webhook\.office\.com/)[^\s\"'<>]+")
_COOKIE = re.compile(r"(?i)((?:set-)?cookie\\?[\"']?\s*[:=]\s*\\?[\"']?)([^\"'\r\n\\]+)")
_HEADER = re.compile(r"(?i)((?:proxy-)?authorization\\?[\"']?\s*[:=]\s*\\?[\"']?)([^\"'\r\n\\,}\]]+)")
_PAIR = re.compile(
    r"(?i)(?<![A-Za-z0-9_.-])((?:[\w.-]{0,60}?)(?:pass(?:word|wd|phrase)?|pwd|secret|token|apikey|api[_-]?key|access[_-]?key(?:[_-]?id)?|[_-]key|"
    r"[a-z]Key|[_-]key[_-]data|credentials?|creds|[_-]?auth|session[_-]?id|dsn|connection[_-]?string|signature|sig|sas|dockerconfigjson|jwt))"
    r"(\\*[\"']?[ \t]*(?:=>|:=|[:=])[ \t]*)"
    r"(\\*\"[^\"\\\r\n]{3,}|\\*'[^'\\\r\n]{3,}|[^\s\"',;&{}\[\]()<>\\|]{4,})"
)
_FLAG = re.compile(
    r"(?i)(?<!\S)(--?[\w-]*(?:password|passwd|passphrase|secret|token|api-?key|access-?key|private-?key|credentials?))(\s+|=)([^\s\"'-]\S*)"
)
_USER = re.compile(r"((?:^|\s)(?:-u|--user|--proxy-user)[\s=]+)([^\s:]+:\S+)")
_MYSQL = re.compile(r"(\b(?:mysql\w*|mariadb\w*|sshpass)\b[^|;\n]*?\s-p)([^\s=]{3,})")
_QUERY = re.compile(r"([?&][\w.\-\[\]%]{1,80}=)([^&\s\"'#<>\\]+)")
_CERT = re.compile(r"((?:Cert|Chain)=\\?\")([^\"\\]+)")
_MAIL = re.compile(r"\b[\w.+-]{1,60}@[\w-]{1,60}(?:\.[\w-]+)*\.[a-z]{2,10}\b")
_BLOB = re.compile(r"(?<![A-Za-z0-9+/_=-])(?=[A-Za-z0-9+/_-]*[0-9])(?=[A-Za-z0-9+/_-]*[A-Z])[A-Za-z0-9+/_-]{91,}={0,2}")

_HINTS = (
    "pass",
    "pwd",
    "secret",
    "token",
    "key",
    "cred",
    "auth",
    "session",
    "dsn",
    "connectionstr",
    "connection_str",
    "connection-str",
    "connstr",
    "conn_str",
    "sig",
    "sas",
    "jwt",
    "dockerconfig",
    "mysql",
    "mariadb",
)
"""Without one of these words in a line none of the patterns by name can match: looked for first, which is most of the time."""
_SCHEMES = ("bearer", "basic", "negotiate", "ntlm", "aws4-")
LONG = 2000  # characters from which a text is taken line by line
MOST_REMEMBERED = 200  # characters


def clean(text: str, marks: Marks) -> str:
    """Text without what is secret by its own shape, or by the name before it."""
    if len(text) < 8 or (len(text) <= MOST_REMEMBERED and _is_clean(text)):
        return text
    return _clean(text, marks)


@functools.lru_cache(65_536)
def _is_clean(text: str) -> bool:
    """Whether there is nothing to remove: most short texts of a mesh occur many times."""
    return _clean(text, Marks()) == text


def _clean(text: str, marks: Marks) -> str:
    if "applied" in text or "kapp.k14s" in text:
        text = clean_applied(text, marks)
    if "Secret" in text and ("data" in text or "Data" in text):
        text = clean_secrets(text, marks)
    if "PRIVATE KEY" in text:
        text = _PEM.sub(lambda m: marks.put("private-key", m[0], certain=False), text)
    if "eyJ" in text:
        text = _JWT.sub(lambda m: marks.put("jwt", m[0]), text)
    text = _ENCODED.sub(lambda m: _encoded(m[0], marks), text)
    text = _PREFIXED.sub(lambda m: marks.put("cloud-key", m[0]), text)
    lower = text.lower().replace("authority", "")  # it stands in every line of an access log
    if any(scheme in lower for scheme in _SCHEMES):
        text = _SCHEME.sub(lambda m: _scheme(m, marks), text)
    if "@" in text:
        text = _USERINFO.sub(lambda m: f"{m[1]}{marks.put('url-credentials', m[2])}@", text)
    text = _HOOK.sub(lambda m: m[1] + marks.put("webhook-url", m[0][len(m[1]) :]), text)
    if "cookie" in lower:
        text = _COOKIE.sub(lambda m: _valued(m[1], m[2], "cookie", marks), text)
    if not any(hint in lower for hint in _HINTS):
        return text
    if len(text) < LONG:
        return _named(text, marks)
    return "\n".join(_named(line, marks) for line in text.split("\n"))


def _named(text: str, marks: Marks) -> str:
    """Text without what a name before it calls secret."""
    lower = text.lower().replace("authority", "")
    if not any(hint in lower for hint in _HINTS):
        return text
    text = _HEADER.sub(lambda m: _valued(m[1], m[2], "authorization", marks), text)
    text = _FLAG.sub(lambda m: m[1] + m[2] + _value(m[3], "argument", marks), text)
    text = _MYSQL.sub(lambda m: m[1] + marks.put("argument", m[2]), text)
    return _PAIR.sub(lambda m: _pair(m, marks), text)


def clean_argument(text: str, marks: Marks) -> str:
    """A command line, or one argument of it."""
    text = _USER.sub(lambda m: m[1] + marks.put("argument", m[2]), clean(text, marks))
    return _BLOB.sub(lambda m: marks.put("long-random-text", m[0]), text)


def clean_log(text: str, marks: Marks) -> str:
    """A log: query strings keep their names only, addresses of people go, and so do long random texts."""
    text = clean(text, marks)
    text = _QUERY.sub(lambda m: m[1] + _queried(m[2], marks), text)
    if "Cert=" in text or "Chain=" in text:
        text = _CERT.sub(lambda m: m[1] + marks.put("client-certificate", m[2], certain=False), text)
    if "@" in text:
        text = _MAIL.sub(lambda m: marks.put("e-mail", m[0], certain=False), text)
    return _BLOB.sub(lambda m: marks.put("long-random-text", m[0]), text)


def _queried(value: str, marks: Marks) -> str:
    return marks.put("query", value, certain=False)


def _value(value: str, kind: str, marks: Marks) -> str:
    return value if names.is_harmless(value.strip("\"'\\")) else marks.put(kind, value)


def _valued(before: str, value: str, kind: str, marks: Marks) -> str:
    return before + (value if names.is_harmless(value.strip()) else marks.put(kind, value))


def _scheme(match: re.Match[str], marks: Marks) -> str:
    """`Bearer authentication failed` and `Basic constraints` are prose: a token has a digit or is long, a pair decodes."""
    scheme, gap, value = match.groups()
    if scheme.lower() == "basic":
        try:
            told = base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
        except (binascii.Error, ValueError):
            return match[0]
        return f"{scheme}{gap}{marks.put('basic', value)}" if b":" in told else match[0]
    if len(value) < 24 and not any(c.isdigit() for c in value):
        return match[0]
    return f"{scheme}{gap}{marks.put('bearer', value)}"


def _pair(match: re.Match[str], marks: Marks) -> str:
    """NAME=VALUE or NAME: VALUE, where the name says secret and the value does not look like a word."""
    name, between, value = match.groups()
    bare = value.lstrip("\\").lstrip("\"'").rstrip(".")
    short = names.normal(name.rpartition(".")[2] or name)
    quoted = value[: len(value) - len(value.lstrip("\\\"'"))]
    if names.is_harmless(bare) or bare.endswith(":") or not (names.is_secret(name) or short in ("secret", "session")):
        return match[0]
    if short in ("secret", "token", "auth", "session", "credential", "credentials", "signature", "jwt") and _is_word(bare):
        return match[0]
    return f"{name}{between}{quoted}{marks.put('named', bare)}"


def _is_word(value: str) -> bool:
    """Prose and names of objects after `token:` or `secret:`: no digit and short, or a path."""
    return ("/" in value and "=" not in value) or (len(value) < 20 and not any(c.isdigit() for c in value))


def _encoded(text: str, marks: Marks) -> str:
    """Base64 that hides a secret is a secret; any other base64 (certificates, digests) stays."""
    told = _decoded(text)
    if told is None:
        return text
    return marks.put("encoded", text) if clean(told, Marks()) != told else text


def _decoded(text: str) -> str | None:
    """The text inside base64; None where it is no text."""
    try:
        raw = base64.b64decode(
            text.rstrip("=").replace("-", "+").replace("_", "/") + "=" * (-len(text.rstrip("=")) % 4), validate=True
        )
        told = raw.decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    return told if told.isprintable() or all(c.isprintable() or c in "\r\n\t" for c in told) else None
