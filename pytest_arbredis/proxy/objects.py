"""toxiproxy-python's objects on a transport of their own.

The package keeps the address of the one server it knows in a class, waits without end, and takes a 500 for an answer.
So each of its methods that reaches for that class is overridden with one that uses the instance's own `Api`; what
they build on (`get_proxy`, `down`, `destroy_all`, `populate`), the values and the exceptions are the package's.

Importing this module imports the package, `requests` and `future` (some 0.2 s): import it where it is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from toxiproxy.api import validate_response
from toxiproxy.proxy import Proxy
from toxiproxy.server import Toxiproxy
from toxiproxy.toxic import Toxic

from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from pytest_arbredis.proxy.transport import Api, Response


class FailedCallError(Exception):
    """An answer with a status that the package does not look at: 5xx, a redirection, 403."""


class ApiProxy(Proxy):
    """A proxy of the server behind `api`; `described` is what the server says of it."""

    def __init__(self, api: Api, described: dict[str, Any]) -> None:
        super().__init__(**described)  # type: ignore[no-untyped-call]  # the package has no types
        self._api = api
        self._path = f"/proxies/{segment(self.name)}"
        self._toxics = list(described["toxics"] or ())

    def toxics(self) -> dict[str, Toxic]:
        """The toxics that came with the description, by name."""
        return {
            raw["name"]: Toxic(**raw)  # type: ignore[no-untyped-call]  # the package has no types
            for raw in self._toxics
        }

    def add_toxic(self, **kwargs: Any) -> None:
        """Add a toxic; the arguments are those of the API."""
        checked(self._api.post(f"{self._path}/toxics", kwargs)).json()

    def destroy_toxic(self, toxic_name: str) -> bool:
        """Remove a toxic; True, or `NotFound`."""
        checked(self._api.delete(f"{self._path}/toxics/{segment(toxic_name)}"))
        return True

    def destroy(self) -> bool:
        """Remove the proxy; True, or `NotFound`."""
        checked(self._api.delete(self._path))
        return True

    def enable(self) -> None:
        """Listen again."""
        self.update(enabled=True)

    def disable(self) -> None:
        """Stop listening and drop all connections."""
        self.update(enabled=False)

    def update(self, **fields: Any) -> None:
        """Change fields of the proxy. The server's answer must show them."""
        answered = checked(self._api.post(self._path, fields)).json()
        differing = {name: answered[name] for name, value in fields.items() if answered[name] != value}
        if differing:
            raise FailedCallError(f"it was asked for {fields} and answers {differing}")
        self.__dict__.update(fields)


class ApiToxiproxy(Toxiproxy):
    """The server behind `api`."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def proxies(self) -> dict[str, ApiProxy]:
        """All proxies by name."""
        listed = checked(self._api.get("/proxies")).json()
        return {name: ApiProxy(self._api, described) for name, described in listed.items()}

    def named(self, name: str) -> ApiProxy:
        """One proxy, asked for by its name; `NotFound` if there is none."""
        return ApiProxy(self._api, checked(self._api.get(f"/proxies/{segment(name)}")).json())

    def running(self) -> bool:
        """True if the server answers."""
        return bool(self.version())

    def version(self) -> str:
        """The version, which the package gives as undecoded JSON."""
        return str(checked(self._api.get("/version")).json()["version"])

    def reset(self) -> bool:
        """Enable all proxies and remove all toxics; True."""
        checked(self._api.post("/reset"))
        return True

    def create(
        self,
        upstream: str,
        name: str,
        listen: str | None = None,
        enabled: bool | None = None,  # noqa: FBT001 - the package's signature
    ) -> ApiProxy:
        """Add a proxy, or `ProxyExists`."""
        segment(name)
        wanted = {
            "name": name,
            "upstream": upstream,
            "listen": listen or "127.0.0.1:0",
            "enabled": enabled is not False,
        }
        return ApiProxy(self._api, checked(self._api.post("/proxies", wanted)).json())


def checked(response: Response) -> Response:
    """The response if its status is a success; else the package's exception, or `FailedCallError`."""
    validate_response(response)  # type: ignore[no-untyped-call]  # the package has no types
    if not 200 <= response.status_code < 300:
        body = response.content[:200].decode(errors="replace").strip()
        raise FailedCallError(f"HTTP {response.status_code}: {body}")
    return response


def segment(name: str) -> str:
    """A name as part of a path. Toxiproxy cannot address one with a slash."""
    if not name or "/" in name:
        raise UsageError(f"{name!r} as name of a proxy or toxic", remedy="use a name that is not empty, without '/'")
    return quote(name, safe="")
