"""What a bot promises that knows one address and no Sentinel: it is led to whoever is primary."""

from __future__ import annotations

from pathlib import Path

from pytest_arbredis import Scenario, checks, schedule, subjects, topologies, workloads

HERE = Path(__file__).parent

FAILOVER = Scenario(
    name="shell_bot.failover",
    promise="The bot is served again 3 s after a crash of the primary; what is lost was never replicated.",
    topology=topologies.sentinel(replicas=2, sentinels=3, conf={"appendonly": "yes"}),
    subject=subjects.process(["bash", "bot.sh"], cwd=HERE, says_ready=True, follow_primary=True, deadline_s=2),
    workload=workloads.unique_writes(rate_hz=60, clients=3),
    faults=schedule.at(seconds=0.7).crash("primary").at(seconds=3.2).restart("crashed"),
    seconds=4.6,
    checks=(
        checks.recovers_within(3.5, after="crash", share=0.95),  # bash is slow: a gentle load
        checks.losses_are_documented(),
        checks.replicas_converge(),
    ),
)


def test_the_bot_is_served_again_soon_after_a_crash(arbredis):
    arbredis.run(FAILOVER).assert_valid()
