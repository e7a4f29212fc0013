"""`arbredis check`: which history, by which checks, within which limits, with which exit status."""

from __future__ import annotations

import contextlib
import json
import os
import signal

import pytest

from pytest_arbredis._clock import CLOCK
from pytest_arbredis.cli.limits import BeyondLimitError, bytes_of, limited
from pytest_arbredis.cli.main import status_of
from pytest_arbredis.errors import UsageError
from pytest_arbredis.history.jsonl import dump, encode
from pytest_arbredis.history.records import Header
from pytest_arbredis.testing.builder import HistoryBuilder


@pytest.fixture
def built(tmp_path, monkeypatch):
    """Write a history of one write and one final read of it, where a run called `mine` would be."""
    monkeypatch.chdir(tmp_path)

    def build(read="v", *, model=None, **meta):
        history = HistoryBuilder()
        history.write("k", "v", at=(1, 2))
        history.phase("settled", at=3)
        history.read("k", read, at=(4, 5), final=True)
        folder = tmp_path / ".arbredis" / "runs" / "mine"
        folder.mkdir(parents=True, exist_ok=True)
        complete = history.build()
        header = Header(run="mine", model=model, meta=meta)
        dump(type(complete)(header=header, ops=complete.ops, events=complete.events), folder / "history.jsonl")
        return folder

    return build


def test_a_file_a_folder_and_the_name_of_a_run_mean_the_same_history(built):
    folder = built()
    for what in (folder / "history.jsonl", folder, "mine"):
        assert status_of(["check", str(what), "--check", "acknowledged_writes_survive"]) == 0


@pytest.mark.parametrize(
    ("read", "check", "status"),
    [
        ("v", "acknowledged_writes_survive", 0),
        (None, "acknowledged_writes_survive", 1),
        ("v", "confirmed_writes_survive(wanted=1)", 3),
    ],
)
def test_exit_status_is_the_verdicts(built, read, check, status):
    assert status_of(["check", str(built(read)), "--check", check]) == status


def test_the_worst_of_several_checks_decides(built):
    checks = ["--check", "acknowledged_writes_survive", "--check", "confirmed_writes_survive"]
    assert status_of(["check", str(built()), *checks]) == 3
    assert status_of(["check", str(built(None)), *checks]) == 1


def test_without_options_the_headers_checks_judge(built, capsys):
    assert status_of(["check", str(built(None, checks=["acknowledged_writes_survive"]))]) == 1
    assert "1 of 1 acknowledged writes lost" in capsys.readouterr().out


def test_without_options_the_headers_model_judges(built, capsys):
    assert status_of(["check", str(built("other", model="register"))]) == 1
    assert "linearizable" in capsys.readouterr().out


def test_a_header_that_names_nothing_is_wrong_usage(built, capsys):
    assert status_of(["check", str(built())]) == 2
    assert "--model" in capsys.readouterr().err


def test_a_hazard_is_shown_or_not_but_never_violated(built):
    folder = built(None, kind="hazard", checks=["acknowledged_writes_survive"])
    assert status_of(["check", str(folder)]) == 3
    assert status_of(["check", str(folder), "--check", "acknowledged_writes_survive"]) == 1


def test_json_has_verdict_findings_and_proof_on_standard_output_alone(built, capsys):
    assert status_of(["check", str(built(None)), "--check", "acknowledged_writes_survive", "--format", "json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["verdict"] == "invalid"
    assert [(each["claim"], each["verdict"], each["proof"]) for each in told["findings"]] == [
        ("acknowledged_writes_survive", "invalid", [0, 1])
    ]


def test_the_table_shows_the_operations_that_prove_it(built, capsys):
    status_of(["check", str(built(None)), "--check", "acknowledged_writes_survive"])
    told = capsys.readouterr().out
    assert "proof" in told
    assert "write" in told


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "neither a file nor a run"),
        (["mine", "--model", "regster"], "register"),
        (["mine", "--check", "nothing_is_lost"], "acknowledged_writes_survive"),
        (["mine", "--check", "confirmed_writes_survive(wanted=0)"], "wanted=0"),
        (["mine", "--max-memory", "much"], "512M"),
        (["mine", "--max-seconds", "0"], "max-seconds"),
        (["mine", "--max-seconds", "inf"], "max-seconds"),
        (["n" * 300], "neither a file nor a run"),
        (["/dev/null"], "no regular file"),
        (["mine", "--format", "xml"], "format"),
    ],
)
def test_wrong_usage_is_told_with_a_remedy(built, capsys, words, said):
    built()
    assert status_of(["check", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_malformed_file_is_wrong_usage_and_names_the_line(tmp_path, capsys):
    path = tmp_path / "history.jsonl"
    path.write_bytes(encode(Header(run="r")) + b'\n{"type":\n')
    assert status_of(["check", str(path), "--model", "register"]) == 2
    assert "line 2" in capsys.readouterr().err


def test_a_pipe_is_refused_and_not_waited_for(tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe")
    assert status_of(["check", str(tmp_path / "pipe"), "--model", "register"]) == 2
    assert "no regular file" in capsys.readouterr().err


def test_lines_of_unknown_kinds_are_told_aside_even_where_warnings_are_errors(built, capsys, recwarn):
    folder = built(model="register")
    with (folder / "history.jsonl").open("ab") as file:
        file.write(b'{"type":"later"}\n')
    assert status_of(["check", str(folder), "--format", "json"]) == 0
    answer, aside = capsys.readouterr()
    assert json.loads(answer)["verdict"] == "valid"
    assert aside == f"arbredis: {folder / 'history.jsonl'}: lines left out: 1 of later\n"
    assert not recwarn.list


def test_a_limit_is_told_as_it_was_asked_for():
    with pytest.raises(BeyondLimitError, match="within 7 s"), limited(seconds=0, memory_bytes=None, of_seconds=7):
        pytest.fail("the limit was passed already")


def test_beyond_its_memory_a_history_is_unknown(built, capsys):
    assert status_of(["check", str(built()), "--check", "acknowledged_writes_survive", "--max-memory", "1MiB"]) == 3
    assert "1 MiB of memory" in capsys.readouterr().out


def work_on(*, holding=0):
    """For at most half a minute; what it raises is caught, as a check might do."""
    deadline, kept = CLOCK.now_ns() + 30_000_000_000, []
    while CLOCK.now_ns() < deadline:
        with contextlib.suppress(Exception):
            kept.append(bytes(holding))


def test_work_beyond_its_time_is_given_up_though_it_catches_exceptions():
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(BeyondLimitError, match=r"within 0\.1 s"), limited(seconds=0.1, memory_bytes=None):
        work_on()
    assert signal.getsignal(signal.SIGALRM) == before


def test_work_beyond_its_memory_is_given_up():
    with pytest.raises(BeyondLimitError, match="of memory"), limited(seconds=30, memory_bytes=400 * 2**20):
        work_on(holding=2**20)


@pytest.mark.parametrize(
    ("text", "count"), [("512", 512), ("1k", 1000), ("2GiB", 2**31), ("1.5 GB", 1_500_000_000), ("8Mi", 2**23)]
)
def test_amounts_of_memory_are_read(text, count):
    assert bytes_of(text) == count


@pytest.mark.parametrize("text", ["", "-1M", "0", "many", "1T"])
def test_what_is_no_amount_of_memory_is_refused(text):
    with pytest.raises(UsageError, match="512M"):
        bytes_of(text)


@pytest.mark.parametrize(("meta", "status"), [({}, 2), ({"mixed": True}, 0), ({"mixed": "yes"}, 2)])
@pytest.mark.parametrize("by_header", [True, False])
def test_an_operation_that_the_model_does_not_have_is_named_with_its_line(built, capsys, meta, status, by_header):
    """Left out in silence, a misspelt write would make lost ones valid; as columns and as objects alike."""
    folder = built(model="register" if by_header else None, **meta)
    path = folder / "history.jsonl"
    odd = {**json.loads(path.read_text().splitlines()[1]), "id": 7, "process": 7, "name": "wirte"}
    path.write_text(path.read_text() + json.dumps(odd) + "\n")
    assert status_of(["check", str(path), *([] if by_header else ["--model", "register"])]) == status
    said = capsys.readouterr().err
    if status == 2:
        assert "line 5: unknown operation 'wirte' of the model register (known: read, write)" in said
        assert "mixed" in said
    assert status_of(["check", str(path), "--check", "linearizable_register"]) == 0


def test_a_model_given_as_a_check_is_told_how_to_ask(built, capsys):
    assert status_of(["check", str(built()), "--check", "register"]) == 2
    assert "use --model register, or --check linearizable_register" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"print('no history')\n", b"\x1f\x8b\x08\x00\xff\xfe"])
def test_a_file_of_another_kind_is_no_history(tmp_path, capsys, content):
    path = tmp_path / "program.py"
    path.write_bytes(content)
    assert status_of(["check", str(path), "--model", "register"]) == 2
    assert "is not a history.jsonl" in capsys.readouterr().err
