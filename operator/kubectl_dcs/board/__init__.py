"""The cutover board: one local page for the night, and the recording of what it showed.

Watches with the user's kubeconfig, once per kind however many tabs look, and serves what it sees
from 127.0.0.1. It never calls DCS. What may not be in here: anything that stops a migration.
"""
