from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import HarnessError
from pytest_arbredis.history.history import History
from pytest_arbredis.history.records import Event, Evidence, FaultRecord, Header, Op
from pytest_arbredis.report import html
from pytest_arbredis.report.html import render_html

EVIL = "<script>alert(1)</script><img src=http://evil.example/x onerror='x'>\"&"


class Page(HTMLParser):
    """The tags of a page, whether they are balanced, and its text."""

    VOID = frozenset(("meta", "br", "img", "link", "input", "hr", "source"))

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text += data


def rendered(run, tmp_path) -> str:
    dest = tmp_path / "report.html"
    render_html(run, dest)
    return dest.read_text(encoding="utf-8")


def parsed(source: str) -> Page:
    page = Page()
    page.feed(source)
    page.close()
    assert page.open == []
    return page


def requests_of(source: str) -> list[str]:
    """Everything that a browser would load for this page."""
    page = parsed(source)
    loading = ("src", "href", "srcset", "data", "action", "poster", "xlink:href", "background", "ping")
    loads = [str(value) for _, attrs in page.tags for name, value in attrs.items() if name in loading]
    loads += re.findall(r"url\(\s*([^#\s)][^)]*)\)|@import\s+(\S+)", source)
    return loads + [tag for tag, _ in page.tags if tag in ("script", "link", "iframe", "object", "embed", "img")]


@pytest.mark.parametrize(
    "name", ["valid_run", "invalid_run", "unknown_run", "shown_hazard", "hazard_not_shown", "run_not_run"]
)
def test_every_kind_of_run_has_a_small_page_that_loads_nothing(request, name, tmp_path):
    run = request.getfixturevalue(name)
    source = rendered(run, tmp_path)
    assert requests_of(source) == []
    assert not re.search(r"https?://", source)
    assert len(source) < 300_000
    page = parsed(source)
    assert run.word in page.text
    assert run.promise in page.text


def test_the_detector_of_requests_detects_them():
    source = "<img src='http://x'><style>a { background: url(http://y) }</style>"
    assert len(requests_of(source)) == 3


def test_the_page_shows_verdict_figures_faults_proof_and_replay(invalid_run, tmp_path):
    text = parsed(rendered(invalid_run, tmp_path)).text
    for part in (
        "14 of 3021 acknowledged writes lost (RPO 212 ms)",
        "p99 0.62 ms (budget 0.5 ms)",
        "crash node-1",
        "pid 4711 of node-1 ended by signal 9",
        "node-2: replica → primary",
        "+switch-master",
        "k25",
        "toxiproxy 2.12.0",
        "arbredis drill failover.crash_alone --seed 42 --launcher process",
        "2-2.1 s: 5 ok, 27 fail, 18 unknown",
    ):
        assert part in text


def test_outcomes_are_told_apart_without_colour(invalid_run, tmp_path):
    source = rendered(invalid_run, tmp_path)
    assert "url(#p-fail)" in source
    assert "url(#p-unknown)" in source
    for kind in ("ok", "fail", "unknown"):
        assert re.search(rf'<path class="{kind}" d="M', source)


def test_everything_is_escaped(tmp_path, invalid_run):
    op = Op(
        id=1,
        process=1,
        name=EVIL,
        key=EVIL,
        input=EVIL,
        output=EVIL,
        outcome="ok",
        error=EVIL,
        node=EVIL,
        invoked_ns=5,
        completed_ns=10**9,
    )
    fault = FaultRecord(
        id=1,
        name=EVIL,
        target=EVIL,
        nodes=(EVIL,),
        params={EVIL: EVIL},
        began_ns=6,
        evidence=Evidence(source=EVIL, at_ns=7, detail=EVIL),
    )
    events = [
        Event(name="sentinel", source=EVIL, at_ns=8, data={"event": "+odown" + EVIL}),
        Event(name="phase", source=EVIL, at_ns=8, data={"phase": EVIL}),
        *(
            Event(name="replication", source=EVIL, at_ns=at * 10**8, data={"role": role})
            for at, role in enumerate(("master", "master", "master", EVIL, EVIL))
        ),
    ]
    finding = Finding(
        claim=EVIL, verdict=Verdict.INVALID, summary=EVIL, proof=(1,), figures={EVIL: EVIL}, lines=(EVIL,)
    )
    run = replace(
        invalid_run,
        scenario=EVIL,
        promise=EVIL,
        findings=(finding,),
        history=History.of(Header(run=EVIL, subject=EVIL), [op, fault, *events]),
        deployment={EVIL: EVIL},
        replay=EVIL,
        folder=tmp_path / "<script>",
        not_run=EVIL,
    )
    source = rendered(run, tmp_path)
    assert requests_of(source) == []
    assert "<script" not in source
    assert "onerror" not in "".join(name for _, attrs in parsed(source).tags for name in attrs)
    assert EVIL in parsed(source).text


def test_a_run_without_operations_has_no_chart(invalid_run, tmp_path):
    source = rendered(replace(invalid_run, history=History.of(Header(run="r"), []), findings=()), tmp_path)
    assert "viewBox" not in source


def test_a_long_run_stays_small(invalid_run, tmp_path):
    events = [
        Event(name="sentinel", source=f"s{at % 3}", at_ns=at * 10**9, data={"event": "+switch-master"})
        for at in range(5000)
    ]
    ops = [Op(id=at, process=1, name="r", invoked_ns=at * 10**9, outcome="ok") for at in range(5000)]
    source = rendered(replace(invalid_run, history=History.of(Header(run="r"), [*ops, *events])), tmp_path)
    assert len(source) < 300_000
    assert "and 4800 more in history.jsonl" in parsed(source).text


def test_without_jinja2_the_error_names_the_command_that_helps(invalid_run, tmp_path, monkeypatch):
    monkeypatch.setattr(html, "find_spec", lambda _: None)
    with pytest.raises(HarnessError, match=re.escape("pip install 'pytest-arbredis[report]'")):
        render_html(invalid_run, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_the_proof_is_drawn_with_its_operations_in_words(invalid_run, tmp_path):
    finding = replace(invalid_run.findings[0], proof=(985, 1010, 90_000))
    source = rendered(replace(invalid_run, findings=(finding,)), tmp_path)
    drawing = source[source.index('id="proof-text"') :]
    for part in (
        "process 1, 985 write k25 v985 → ok: ok, from ",
        "process 2, 1010 write k50 v1010 → ?: unknown, from ",
        "final, 90000 read k1 → null: ok, from ",
        "crash primary (node-1), signal SIGKILL: from 2000.000 ms to 6000.000 ms",
    ):
        assert drawing.count(part) == 2
    assert len(re.findall(r'<rect class="op (?:ok|unknown)"', drawing[: drawing.index("</svg>")])) == 3
    assert 'class="cut"' in drawing


def test_patterns_of_the_proof_are_its_own(invalid_run, tmp_path):
    """A proof may stand without a timeline, and an id stands once in a page."""
    source = rendered(invalid_run, tmp_path)
    ids = re.findall(r'\bid="([^"]+)"', source)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"url\(#([\w-]+)\)", source)) <= set(ids)
