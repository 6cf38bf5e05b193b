"""Exposes the operator's state to people and machines: logs, metrics, health.

This package only reads values and does not depend on how they are computed. Only `metrics.py`
imports prometheus_client.
"""
