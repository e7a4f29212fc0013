"""`arbredis metrics`: what state managers keep under a namespace; it only reads."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Annotated

import typer

from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from pytest_arbredis.state.metrics.reader import MetricsReader


class Format(enum.StrEnum):
    """How metrics are printed."""

    TABLE = "table"
    JSON = "json"
    LOG = "log"
    PROMETHEUS = "prometheus"


def metrics(  # noqa: PLR0917 - a command's options
    mode: Annotated[str, typer.Option(metavar="MODE", help="live, paper, shadow or test.")] = "live",
    env: Annotated[str, typer.Option(metavar="ENV", help="docker, local or memory.")] = "docker",
    url: Annotated[
        str | None, typer.Option(metavar="URL", envvar="REDIS_URL", help="Default: REDIS_HOST, REDIS_PORT, REDIS_DB.")
    ] = None,
    key_prefix: Annotated[str, typer.Option(metavar="PREFIX", help="As the managers were given it.")] = "arbitrage",
    format: Annotated[Format, typer.Option(help="For people, programs, logs or Prometheus.")] = Format.TABLE,
    watch: Annotated[
        float | None, typer.Option(metavar="S", min=0.1, max=86_400, help="Again every S seconds, until Ctrl-C.")
    ] = None,
) -> None:
    """Show the metrics that state managers keep in Redis. The password is read from REDIS_PASSWORD."""
    from pytest_arbredis.cli.state_url import state_at
    from pytest_arbredis.state.metrics.reader import MetricsReader

    with state_at(url or _url_of_environment()) as redis:
        reader = MetricsReader(redis, namespace=f"{mode}:{env}", key_prefix=key_prefix)
        if watch is None:
            typer.echo(_text(reader, format))
        else:
            _watch(reader, format, watch)


def _text(reader: MetricsReader, format: Format) -> str:
    from pytest_arbredis.state.metrics.formats import FORMATS

    return FORMATS[format.value](reader.read())


def _watch(reader: MetricsReader, format: Format, every_s: float) -> None:
    """Until Ctrl-C. Where Redis is away for a while that is said, and it is asked again."""
    from pytest_arbredis._clock import CLOCK
    from pytest_arbredis.state.errors import MisuseError, StateError

    while True:
        try:
            typer.echo(_text(reader, format))
        except MisuseError:
            raise
        except StateError as error:
            typer.echo(f"arbredis: the metrics cannot be read now: {error.cause}", err=True)
        CLOCK.sleep(every_s)


def _url_of_environment() -> str:
    from urllib.parse import quote, urlencode

    from pytest_arbredis.state.errors import MisuseError
    from pytest_arbredis.state.manager.opening import settings_of

    try:
        settings = settings_of(None, None, 0)
    except MisuseError as error:
        raise UsageError(error.cause, remedy=error.remedy) from error
    host, port = settings.address
    user = f"{quote(settings.username, safe='')}@" if settings.username else ""
    where = f"{user}{f'[{host}]' if ':' in host else host}:{port}/{settings.db}"
    if not settings.tls:
        return f"redis://{where}"
    return f"rediss://{where}?{urlencode({'ssl_ca_certs': settings.tls_ca_file})}"
