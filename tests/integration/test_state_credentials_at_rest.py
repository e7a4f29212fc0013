"""The look into a server's files finds what is readable there, in each kind of file, on either launcher."""

from __future__ import annotations

import pytest
from small_servers import op, started

from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.load.protocol import Endpoints
from pytest_arbredis.report.text import failure_text
from pytest_arbredis.run import run
from pytest_arbredis.scenarios.naive import trading as naive
from pytest_arbredis.scenarios.state_credentials import AT_REST
from pytest_arbredis.subjects.state.connecting import plain
from pytest_arbredis.subjects.state.credentials import credentials

TEXT = "sk-drill-u-v0.1"


@pytest.mark.parametrize("subject", [credentials(), naive.credentials()], ids=lambda subject: subject.name)
def test_a_search_finds_what_is_readable_in_a_snapshot(tmp_path, subject):
    with started(tmp_path) as port:
        endpoints = Endpoints(primary=("127.0.0.1", port))
        session = subject.open(endpoints)
        session.apply(op("write", "u", "v0.1"))
        search = op("search", "u")
        assert "dump.rdb" not in str(session.apply(search))
        with plain(endpoints) as client:
            client.hset("elsewhere", mapping={"copied": TEXT * 20})
        assert str(session.apply(search)).startswith("readable in dump.rdb: sk-drill-u-")
        session.close()


def test_nothing_is_readable_in_the_files_and_logs_of_a_real_run(pool, tmp_path):
    result = run(AT_REST, pool, seed=7, runs_dir=tmp_path, keep="all")
    assert result.verdict is Verdict.VALID, failure_text(result)
    (search,) = result.history.named("search")
    assert search.outcome == "ok", search
    logs = [*(result.folder / "logs").iterdir()]
    assert logs
    assert not [path.name for path in logs if b"sk-drill-" in path.read_bytes()]


def test_what_is_stored_as_it_is_lies_in_an_append_only_file(pool, tmp_path):
    left_out = AT_REST.with_subject(credentials(_without=frozenset({"encryption"})))
    result = run(left_out, pool, seed=7, runs_dir=tmp_path)
    (search,) = result.history.named("search")
    assert str(search.output).startswith("readable in append"), search
