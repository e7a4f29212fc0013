"""Metrics of a symbol: profit and loss, trades, win rate, latency, kept for a week."""
