"""Errors of redis-py that the outcome table leaves out on purpose, by class, and why.

An operation that ends with one of these ends the load: whatever is wrong then, it is not the fault that was injected.
A test walks all of redis-py, and fails by name of a class that is neither here nor in the table.
"""

from __future__ import annotations

from typing import Final

_ABOVE = "the class above others: judged by the first word of what the server said, or not at all"
_CALLER = "a mistake of the caller or the configuration: repeating it gives the same"
_LOCK = "redis-py's Lock, which sends commands of its own: judged by the subject that uses it"
_CLUSTER = "Redis Cluster: no topology here is one"
_DATABASES = "redis-py's client of several databases: no construction here uses it"
_TOKENS = "providers of tokens: no topology here has one"

RAISED_AGAIN: Final[dict[str, str]] = {
    "RedisError": _ABOVE,
    "ResponseError": _ABOVE,
    "AuthenticationWrongNumberOfArgsError": _CALLER,
    "ChildDeadlockedError": _CALLER,
    "EventException": _CALLER,
    "IncorrectPolicyType": _CALLER,
    "ModuleError": _CALLER,
    "NoSuchFieldsetError": _CALLER,
    "VersionMismatchException": _CALLER,
    "PubSubError": _CALLER,
    "LockError": _LOCK,
    "LockNotOwnedError": _LOCK,
    "AskError": _CLUSTER,
    "ClusterCrossSlotError": _CLUSTER,
    "ClusterDownError": _CLUSTER,
    "ClusterError": _CLUSTER,
    "CrossSlotTransactionError": _CLUSTER,
    "InvalidPipelineStack": _CLUSTER,
    "MovedError": _CLUSTER,
    "RedisClusterException": _CLUSTER,
    "SlotNotCoveredError": _CLUSTER,
    "TryAgainError": _CLUSTER,
    "HttpError": _DATABASES,
    "InitialHealthCheckFailedError": _DATABASES,
    "NoValidDatabaseException": _DATABASES,
    "TemporaryUnavailableException": _DATABASES,
    "UnhealthyDatabaseException": _DATABASES,
    "InvalidTokenSchemaErr": _TOKENS,
    "RequestTokenErr": _TOKENS,
    "TokenRenewalErr": _TOKENS,
}
"""Why each is raised again, by the name of its class."""
