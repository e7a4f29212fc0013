"""What a topology is given: told apart, refused where it is written, never shown where it is secret."""

from __future__ import annotations

import pytest

from pytest_arbredis import topologies
from pytest_arbredis.errors import UsageError
from pytest_arbredis.servers.certificates import TlsFiles, make
from pytest_arbredis.topology.fixed_ports import check_ports
from pytest_arbredis.topology.means import Means
from pytest_arbredis.topology.places import Places

SECRET = "not to be seen"  # noqa: S105 - the tests' own


def nothing(client):
    del client


@pytest.mark.parametrize(
    ("kind", "settings", "same"),
    [
        ("single", {}, topologies.single()),
        ("sentinel", {"replicas": 1, "timing": "production"}, topologies.sentinel(replicas=1, timing="production")),
        ("replicated", {"conf": {"appendonly": "yes"}}, topologies.replicated(conf={"appendonly": "yes"})),
        ("dual", {"password": SECRET, "load": nothing}, topologies.dual(password=SECRET, load=nothing)),
    ],
)
def test_a_topology_is_made_by_the_name_of_its_kind(kind, settings, same):
    assert topologies.named(kind, **settings) == same
    assert hash(topologies.named(kind, **settings)) == hash(same)


@pytest.mark.parametrize(
    ("kind", "settings", "said"),
    [
        ("ring", {}, "unknown topology 'ring'.*dual, replicated, sentinel, single"),
        ("single", {"replicas": 1}, "topology='single' takes no replicas.*it takes: conf, password"),
        ("dual", {"sentinel_conf": {}}, "topology='dual' takes no sentinel_conf"),
        ("sentinel", {"pasword": "x"}, "unknown setting of a topology 'pasword'.*password"),
        ("single", {"conf": 3}, "conf=3"),
        ("single", {"conf": "nowhere.conf"}, "there is no redis.conf '.*nowhere.conf'"),
        ("single", {"conf": {"port": "6379"}}, "'port' belongs to the harness"),
        ("single", {"conf": {"max memory": "1"}}, "'max memory' is no redis.conf directive"),
        ("single", {"conf": {"masterauth": SECRET}}, "masterauth is not given by conf=.*use password="),
        ("single", {"conf": {"requirepass": SECRET}, "password": SECRET}, "password= and requirepass of conf"),
        ("single", {"password": ""}, "the password is not a text, or empty"),
        ("single", {"acl": "nowhere.acl"}, "there is no ACL file '.*nowhere.acl'"),
        ("single", {"tls": "yes"}, "tls='yes'"),
        ("single", {"tls": {"cert": "a"}}, "give the paths of 'cert', 'key' and 'ca'"),
        ("single", {"load": 3}, "load=3"),
        ("single", {"load": "nowhere.rdb"}, "there is no RDB file '.*nowhere.rdb'"),
        ("single", {"version": "latest"}, "version='latest'"),
        ("replicated", {"replicas": 0}, "a replicated topology with replicas=0"),
        ("sentinel", {"sentinel_conf": {"quorum": "most"}}, "quorum is 'most'"),
        ("sentinel", {"sentinel_conf": {"requirepass": SECRET}}, "requirepass belongs to the harness"),
    ],
)
def test_what_does_not_fit_is_refused_where_it_is_written_without_telling_a_secret(kind, settings, said):
    with pytest.raises(UsageError, match=f"(?s){said}") as caught:
        topologies.named(kind, **settings)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("line", ["requirepass s3cret", "sentinel sentinel-pass s3cret", "user bot on >x"])
def test_a_sentinel_conf_whose_sentinels_want_a_password_is_refused(tmp_path, line):
    """Everybody asks the Sentinels here: proxies, probes, clients that are given no password for them."""
    path = tmp_path / "sentinel.conf"
    path.write_text(f"port 26379\nsentinel monitor mine 127.0.0.1 6379 2\nsentinel auth-pass mine x\n{line}\n")
    with pytest.raises(UsageError, match=r"(?s)belongs to the harness.*Sentinels are open here") as caught:
        topologies.sentinel(sentinel_conf=path)
    assert line.split()[-1] not in str(caught.value)


def test_a_password_of_the_configuration_is_a_password_and_never_shown():
    spec = topologies.single(conf={"requirepass": SECRET, "maxclients": "100"})
    assert spec == topologies.single(conf={"maxclients": 100}, password=SECRET)
    assert spec != topologies.single(conf={"maxclients": 100}, password="another")  # noqa: S106 - the test's own
    assert SECRET not in repr(spec) + str(spec)


def test_tls_files_that_do_not_fit_are_refused_with_the_reason(tmp_path):
    one, other = make(tmp_path / "one"), make(tmp_path / "other")
    assert topologies.single(tls=one).tls == one
    with pytest.raises(UsageError, match=r"do not fit: .*(?i:mismatch)"):
        topologies.single(tls=TlsFiles(cert=one.cert, key=other.key, ca=one.ca))
    with pytest.raises(UsageError, match=r"do not fit: .*certificate verify failed"):
        topologies.single(tls=TlsFiles(cert=one.cert, key=one.key, ca=other.ca))
    (tmp_path / "garbage").write_text("no certificate")
    with pytest.raises(UsageError, match="do not fit"):
        topologies.single(tls={"cert": tmp_path / "garbage", "key": one.key, "ca": one.ca})


def test_what_is_no_rdb_file_is_refused(tmp_path):
    (tmp_path / "dump.rdb").write_text("SET a 1\n")
    with pytest.raises(UsageError, match=r"dump.rdb' is no RDB file"):
        topologies.single(load=tmp_path / "dump.rdb")


@pytest.mark.parametrize(
    ("ports", "said"),
    [
        ([("master", 6379)], "unknown role of a fixed port 'master'.*primary"),
        ([("primary", 0)], "the port of primary is 0"),
        ([("primary", 70000)], "the port of primary is 70000"),
        ([("primary", 6379), ("n0", 6380)], "the port 6380 of n0 contradicts"),
        ([("primary", 6379), ("n1", 6379)], "the port 6379 of n1 contradicts"),
    ],
)
def test_a_port_that_cannot_be_fixed_is_refused(ports, said):
    with pytest.raises(UsageError, match=f"(?s){said}"):
        Means(ports=tuple(ports))


def test_a_role_and_its_node_may_name_the_same_port():
    check_ports([("primary", 6379), ("n0", 6379), ("second", 6380), ("sentinel", 26379), ("s1", 26380)])


def test_places_are_given_once_and_again_after_they_were_given_back(tmp_path):
    places = Places(folder=tmp_path / "places", count=2)
    first, second = places.take(), places.take()
    assert first is not None
    assert second is not None
    assert places.take() is None
    assert Places(folder=tmp_path / "places", count=2).take() is None
    first.release()
    first.release()
    again = places.take()
    assert again is not None
    again.release()
    second.release()
