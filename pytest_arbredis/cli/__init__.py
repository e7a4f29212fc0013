"""The arbredis command."""
