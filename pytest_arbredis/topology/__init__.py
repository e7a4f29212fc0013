"""Topologies as values, and deployments: servers behind their proxies, with roles found by asking."""
