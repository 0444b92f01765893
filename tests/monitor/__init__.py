"""Prometheus over our metrics: its tools, and the gate over alert rules and dashboard."""
