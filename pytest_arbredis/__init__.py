"""pytest-arbredis: a pytest plugin and chaos harness for state kept in Redis."""
