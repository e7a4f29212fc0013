"""The CPU quota of a control group, of either version, or of a group above ours."""

from __future__ import annotations

import pytest

from pytest_arbredis.load.cpu_quota import cpu_quota


@pytest.mark.parametrize(
    ("groups", "files", "said"),
    [
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n"}, ""),
        ("0::/a/b\n", {"a/b/cpu.max": "150000 100000\n"}, "cpu.max 150000 100000"),
        ("0::/a/b\n", {"a/cpu.max": "50000 100000\n"}, "cpu.max 50000 100000"),
        ("0::/\n", {"cpu.max": "50000 100000\n"}, "cpu.max 50000 100000"),
        ("4:cpu,cpuacct:/x\n", {"cpu,cpuacct/x/cpu.cfs_quota_us": "50000\n"}, "cpu.cfs_quota_us 50000"),
        ("4:cpu:/x\n0::/\n", {"cpu/x/cpu.cfs_quota_us": "-1\n"}, ""),
        ("4:memory:/x\n", {"cpu/x/cpu.cfs_quota_us": "50000\n"}, ""),
        ("0::/gone\n", {}, ""),
    ],
)
def test_a_quota_is_found_in_our_group_or_above(tmp_path, groups, files, said):
    (tmp_path / "groups").write_text(groups)
    for path, text in files.items():
        (tmp_path / "mounted" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mounted" / path).write_text(text)
    assert cpu_quota(tmp_path / "groups", tmp_path / "mounted") == said


def test_a_system_without_control_groups_has_no_quota(tmp_path):
    assert cpu_quota(tmp_path / "none", tmp_path) == ""
