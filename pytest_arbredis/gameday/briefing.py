"""What somebody needs to know to use a game day's servers: addresses, environment variables, snippets to copy."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from pytest_arbredis.errors import UsageError
from pytest_arbredis.report.timeline import ROLES
from pytest_arbredis.report.wording import redacted
from pytest_arbredis.topology.environment import redis_environment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_arbredis.topology.deployment import Deployment
    from pytest_arbredis.topology.node import Address, Node

Briefing = dict[str, Any]


def briefing_of(deployment: Deployment, *, run: Path, link: Address | None = None) -> Briefing:
    """The briefing as JSON: `pid` of the owner, `run` folder, `on`, `servers` by name, `env`, and `master_name`.

    `link` is the address that follows the primary, where there is one. `env` holds the password, where there is one.
    """
    return {
        "pid": os.getpid(),
        "run": str(run),
        "on": deployment.described,
        "servers": {
            node.name: {"role": _role(node), "address": list(node.proxied), "direct": list(node.direct)}
            for node in deployment.servers
        },
        "sentinels": [node.name for node in deployment.sentinels],
        "master_name": deployment.master_name if deployment.sentinels else None,
        "env": environment(deployment, link=link),
    }


def environment(deployment: Deployment, *, link: Address | None) -> dict[str, str]:
    """Addresses as environment variables; all through proxies. `REDIS_PRIMARY_URL` follows the primary."""
    login, primary = deployment.login, deployment.primary().proxied
    sentinels = [node.proxied for node in deployment.sentinels]
    second = deployment.second.proxied if deployment.second is not None else None
    env = redis_environment(primary, sentinels, deployment.master_name, login, second=second)
    return env if link is None else env | {"REDIS_PRIMARY_URL": login.url(link)}


def for_eyes(briefing: Briefing) -> Briefing:
    """The same without the password, for a terminal or a log."""
    env: Mapping[str, str] = briefing["env"]
    hidden = {name: "***" if name == "REDIS_PASSWORD" else redacted(value) for name, value in env.items()}
    return {**briefing, "env": hidden}


def snippets(briefing: Briefing) -> dict[str, str]:
    """Lines to copy, by what they are for."""
    env: Mapping[str, str] = briefing["env"]
    host, port = env["REDIS_HOST"], int(env["REDIS_PORT"])
    lines = {"redis-cli": f"redis-cli -h {host} -p {port}", "Python": f'redis.Redis(host="{host}", port={port})'}
    if briefing["master_name"]:
        name = briefing["master_name"]
        known = ", ".join(f'("{at[0]}", {at[1]})' for at in _sentinels(briefing))
        first = _sentinels(briefing)[0]
        lines["Sentinel"] = f'redis.sentinel.Sentinel([{known}]).master_for("{name}")'
        lines["who is primary"] = f"redis-cli -h {first[0]} -p {first[1]} sentinel get-master-addr-by-name {name}"
    return lines


def env_text(env: Mapping[str, str]) -> str:
    """The content of an env file: `NAME=value` lines, quoted where a shell or a dotenv reader would need it."""
    lines = []
    for name, value in env.items():
        plain = re.fullmatch(r"[\w@%+=:,./-]*", value)
        quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("`", "\\`")
        lines.append(f"{name}={value}" if plain else f'{name}="{quoted}"')
    return "\n".join(lines) + "\n"


def write_env_file(path: Path, env: Mapping[str, str]) -> None:
    """Write the env file, for this user alone. A usage error where that cannot be."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(env_text(env))
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}", remedy="give a path in a folder of yours"
        ) from error


def _role(node: Node) -> str:
    role = node.role()
    return "" if role is None else ROLES.get(role.role, role.role)


def _sentinels(briefing: Briefing) -> list[list[Any]]:
    return [briefing["servers"][name]["address"] for name in briefing["sentinels"]]
