"""The typed client of a Toxiproxy server, or of anything that speaks its API."""

from __future__ import annotations

import http.client
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_arbredis.errors import ControlError, UnansweredError, UsageError
from pytest_arbredis.proxy.control import ProxyState, ToxicState
from pytest_arbredis.proxy.transport import Api

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_arbredis.proxy.objects import ApiProxy, ApiToxiproxy
    from pytest_arbredis.proxy.toxics import Toxic


class ToxiproxyClient:
    """Control of the Toxiproxy at `address`; every call ends within `deadline_s` seconds.

    Thread-safe: a call has its own connections, and calls share no state but the address.
    """

    def __init__(self, address: tuple[str, int], *, deadline_s: float = 2.0) -> None:
        if deadline_s <= 0:
            raise UsageError(f"deadline_s={deadline_s!r}", remedy="use a deadline of more than 0 s")
        self.address = address
        self.deadline_s = deadline_s
        self._closed = False

    def version(self) -> str:
        """The server's version; `git` if it was built without one."""
        with self._calling("version") as server:
            return server.version()

    def proxies(self) -> dict[str, ProxyState]:
        """All proxies by name, with their toxics."""
        with self._calling("list the proxies") as server:
            return {name: _state(proxy) for name, proxy in server.proxies().items()}

    def create(self, name: str, listen: str, upstream: str) -> None:
        """Add an enabled proxy from `listen` to `upstream`, both `host:port`."""
        with self._calling(f"create the proxy {name!r} on {listen}") as server:
            server.create(upstream, name, listen)

    def delete(self, name: str) -> None:
        """Remove a proxy."""
        with self._calling(f"delete the proxy {name!r}") as server:
            server.named(name).destroy()

    def enable(self, name: str) -> None:
        """Let a proxy listen again."""
        with self._calling(f"enable the proxy {name!r}") as server:
            server.named(name).enable()

    def disable(self, name: str) -> None:
        """Let a proxy refuse connections, and end those that are open."""
        with self._calling(f"disable the proxy {name!r}") as server:
            server.named(name).disable()

    def set_upstream(self, name: str, upstream: str) -> None:
        """Lead a proxy to `upstream` (`host:port`)."""
        with self._calling(f"lead the proxy {name!r} to {upstream}") as server:
            server.named(name).update(upstream=upstream)

    def add_toxic(self, proxy: str, toxic: Toxic, *, name: str, toxicity: float = 1.0) -> None:
        """Put a toxic in force, on the share `toxicity` (0 to 1) of the connections."""
        if not 0 <= toxicity <= 1:
            raise UsageError(f"toxicity={toxicity!r}", remedy="use a share from 0 to 1")
        with self._calling(f"add the toxic {name!r} to {proxy!r}") as server:
            server.named(proxy).add_toxic(
                name=name,
                type=toxic.type,
                stream=toxic.stream,
                toxicity=toxicity,
                attributes=dict(toxic.attributes),
            )

    def remove_toxic(self, proxy: str, name: str) -> None:
        """Take a toxic away."""
        with self._calling(f"remove the toxic {name!r} from {proxy!r}") as server:
            server.named(proxy).destroy_toxic(name)

    def reset(self) -> None:
        """Enable all proxies and take all toxics away."""
        with self._calling("reset") as server:
            server.reset()

    def close(self) -> None:
        """Make every later call an error. Idempotent."""
        self._closed = True

    @contextmanager
    def _calling(self, what: str) -> Iterator[ApiToxiproxy]:
        """The server's object; whatever goes wrong in the call comes out as a `ControlError`."""
        where = f"the proxy control at {self.address[0]}:{self.address[1]}"
        if self._closed:
            raise ControlError(f"cannot {what}: this client of {where} is closed", remedy="make a new client")
        from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists

        from pytest_arbredis.proxy.objects import ApiToxiproxy, FailedCallError

        try:
            yield ApiToxiproxy(Api(self.address, self.deadline_s))
        except TimeoutError as error:
            raise UnansweredError(
                f"cannot {what}: {where} did not answer within {self.deadline_s:g} s",
                remedy="a change may or may not be in force; see Toxiproxy's log, and restart it if it hangs",
            ) from error
        except OSError as error:
            raise ControlError(
                f"cannot {what}: no connection to {where}: {error}",
                remedy="see that Toxiproxy runs and listens there, and its log",
            ) from error
        except (NotFound, ProxyExists, InvalidToxic) as error:  # type: ignore[misc]  # made by type() in the package
            raise ControlError(
                f"cannot {what}: {where} refuses: {_message(error)}",
                remedy="compare with proxies(): its names, addresses and toxics",
            ) from error
        except FailedCallError as error:
            raise ControlError(
                f"cannot {what}: {where} failed: {error}",
                remedy="see Toxiproxy's log; a port of the proxy may be taken",
            ) from error
        except (http.client.HTTPException, ValueError, LookupError, TypeError, AttributeError) as error:
            raise ControlError(
                f"cannot {what}: {where} does not answer as Toxiproxy does: {error!r}",
                remedy="see who listens on that port",
            ) from error


def _state(proxy: ApiProxy) -> ProxyState:
    toxics = tuple(
        ToxicState(
            name=str(toxic.name),
            type=str(toxic.type),
            stream=str(toxic.stream),
            toxicity=float(toxic.toxicity),
            attributes=dict(toxic.attributes),
        )
        for toxic in proxy.toxics().values()
    )
    return ProxyState(
        name=str(proxy.name),
        listen=str(proxy.listen),
        upstream=str(proxy.upstream),
        enabled=proxy.enabled is True,
        toxics=toxics,
    )


def _message(error: Exception) -> str:
    """What the server wrote into a refusal; the package keeps its body undecoded."""
    import json

    body = error.args[0] if error.args else b""
    try:
        return str(json.loads(body)["error"])
    except (ValueError, LookupError, TypeError):
        return body.decode(errors="replace") if isinstance(body, bytes) else str(body)
