"""What people and machines see of the operator from outside: logs, metrics, health.

A leaf: it reads values and knows nothing of how they came about. Only `metrics.py` imports
prometheus_client.
"""
