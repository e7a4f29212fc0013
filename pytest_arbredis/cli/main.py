"""The command: its sub-commands, and the one place where exceptions become exit statuses.

0 all guarantees held and hazards were shown · 1 a guarantee was violated · 2 wrong usage · 3 inconclusive · 4 the
harness failed, anything uncaught included · 130 Ctrl-C and 143 SIGTERM, after healing and saving.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from pytest_arbredis.cli.audit import audit
from pytest_arbredis.cli.check import check
from pytest_arbredis.cli.cleanup import cleanup
from pytest_arbredis.cli.doctor import doctor
from pytest_arbredis.cli.down import down
from pytest_arbredis.cli.drill import drill
from pytest_arbredis.cli.exec import exec_
from pytest_arbredis.cli.init import init
from pytest_arbredis.cli.inject import heal, inject
from pytest_arbredis.cli.metrics import metrics
from pytest_arbredis.cli.status import status
from pytest_arbredis.cli.stopped import leaves
from pytest_arbredis.cli.up import up
from pytest_arbredis.errors import ArbredisError, HarnessError, UsageError

if TYPE_CHECKING:
    from types import FrameType

EXIT_USAGE = 2
EXIT_HARNESS = 4
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143

WRONG_USAGE: type[Any] = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
"""The root of typer's usage errors, which it takes from click, or from a copy of click of its own."""

app = typer.Typer(
    name="arbredis",
    help="Drills for state kept in Redis: real servers, real faults, honest verdicts.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(drill)
app.command()(check)
app.command()(doctor)
app.command(name="init")(init)
app.command(name="exec", context_settings={"allow_interspersed_args": False})(exec_)
app.command()(up)
app.command()(inject)
app.command()(heal)
app.command(name="status")(status)
app.command()(metrics)
app.command()(down)
app.command(name="audit")(audit)
app.command(name="cleanup")(cleanup)


class TerminatedError(BaseException):
    """SIGTERM, on its way through every context manager."""


def run(arguments: list[str] | None = None) -> NoReturn:
    """Run the command and exit with its status."""
    with contextlib.suppress(ValueError):  # not in the main thread: then nobody sends us signals either
        signal.signal(signal.SIGTERM, _terminate)
    sys.exit(status_of(arguments))


def status_of(arguments: list[str] | None = None) -> int:
    """Run the command and give its exit status; every error is printed with its cause and remedy."""
    try:
        status = app(args=arguments, standalone_mode=False)
    except UsageError as error:
        return _say(error, EXIT_USAGE)
    except ArbredisError as error:
        return _say(error, EXIT_HARNESS)
    except typer.Exit as error:
        return error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return _stopped("interrupted", EXIT_INTERRUPTED, arguments)
    except TerminatedError:
        return _stopped("terminated", EXIT_TERMINATED, arguments)
    except BaseException as error:  # noqa: BLE001 - a verdict by accident is worse: SystemExit(0) of a subject, say
        if isinstance(error, WRONG_USAGE):
            error.show()
            return EXIT_USAGE
        if isinstance(error, BrokenPipeError) or isinstance(error.__context__, BrokenPipeError):  # rich exits with 1
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains at its end
            return _say(HarnessError("nobody reads the output any more", remedy="let it run to its end"), EXIT_HARNESS)
        traceback.print_exc()
        print("arbredis: the harness failed; this is no verdict on your code", file=sys.stderr)  # noqa: T201 - as above
        return EXIT_HARNESS
    if status == EXIT_INTERRUPTED:  # typer makes a status of Ctrl-C by itself
        return _stopped("interrupted", EXIT_INTERRUPTED, arguments)
    return int(status or 0)


def _say(error: ArbredisError, status: int) -> int:
    print(f"arbredis: {error}", file=sys.stderr)  # noqa: T201 - the command's own voice
    return status


def _stopped(how: str, status: int, arguments: list[str] | None) -> int:
    left = leaves(sys.argv[1:] if arguments is None else arguments)
    print(f"arbredis: {how}: {left}", file=sys.stderr)  # noqa: T201 - as above
    return status


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # healing is under way: asking again makes it no faster
    raise TerminatedError(number, frame)
