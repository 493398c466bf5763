"""Which names say that their value is a secret, and which values are none whatever their name says."""

from __future__ import annotations

import functools
import re

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_SECRET = re.compile(
    r"(?:^|_)(?:\w*(?:password|passwd|passphrase|apikey|secretkey|accesskey)|pass|pwd|pgpass|pin_code|secrets?|tokens?|jwt|"
    r"api_keys?|"
    r"(?:access|secret|private|signing|encryption|encrypt|shared|account|master|client|auth|session|ssh|license|hmac|service|"
    r"instrumentation|"
    r"deploy|webhook|storage|crypt|cookie)_keys?(?:_data|_base64|_b64|_id_secret)?|credentials?|creds?|authorization|auth|basic_auth|"
    r"x_api_key|cookies?|session(?:_?id)?|sid|dsn|connection_?string|conn_?str|(?:database|db|redis|mongo|mongodb|amqp|postgres|mysql)_ur[il]|"
    r"client_key_data|dockerconfigjson|dockercfg|htpasswd|bearer|seed_phrase|salt|pepper|otp|totp|signature|sig|sas|kubeconfig|pem|"
    r"session_ticket_keys?|token_secret|hmac_secret|x_auth\w*)"
    r"(?:_(?:value|data|base64|b64|old|new|previous|prod|dev|1|2))?$"
)

# Fields of Kubernetes, Istio and Envoy whose name sounds like a secret and whose value names where one is, or is public.
_REFERENCES = frozenset(
    {
        "image_pull_secret", "secret_name", "credential_name", "from_cookies", "pull_secret", "auth_type", "session",
        "sds_config", "token_audience", "forward_original_token", "validation_context_sds_secret_config", "default_key",
        "secret", "signature_algorithm",
    }
)  # fmt: skip
_HARMLESS = re.compile(
    r"(?:|true|false|yes|no|on|off|null|none|nil|enabled?|disabled?|-|\*|optional|required|default|unset|static|redacted|"
    r"\[redacted\]|W3JlZGFjdGVkXQ==|\*+|x+|<[^<>]*>|\$\([^)]*\)|\$\{[^}]*\}|\{\{[^}]*\}\}|%[^%]*%|"
    r"(?:\./|/)[\w./-]*|[\w-]+://[\w.-]+(?:/[\w.-]*)?|kubernetes://[\w./-]*|[\w-]{1,3})",
    re.IGNORECASE,
)
_ENV_KEPT = re.compile(
    r"(?:ISTIO_|PILOT_|ENABLE_|PROXY_CONFIG$|CLUSTER_ID$|REVISION$|TRUST_DOMAIN$|INJECTION_|VALIDATION_|JWT_POLICY$|ROOT_CA_DIR$|CA_ADDR$|"
    r"BLOCKED_CIDRS|POD_NAME|GOMEMLIMIT$|GOMAXPROCS$|LOCAL_NAME_RESOLUTION|CITADEL_)"
)


def normal(name: str) -> str:
    """A name in one spelling: `clientKeyData`, `Client-Key-Data` and `client_key_data` are one."""
    return re.sub(r"[^a-z0-9]+", "_", _CAMEL.sub("_", name).lower()).strip("_")


@functools.lru_cache(16_384)
def is_secret(name: str) -> bool:
    """Whether a field, header or variable of this name holds a secret."""
    if len(name) > 120:
        return False
    plain = normal(name)
    return plain not in _REFERENCES and _SECRET.search(plain) is not None


def is_harmless(value: str) -> bool:
    """Whether a value is none whatever it is called: a switch, a path, a reference, a placeholder."""
    return _HARMLESS.fullmatch(value) is not None


def env_is_kept(name: str) -> bool:
    """Whether the value of an environment variable is shown: those that configure Istio."""
    return _ENV_KEPT.match(name) is not None and not is_secret(name)
