"""The cutover board: one local page for the night, and the recording of what it showed.

Watches with the user's kubeconfig, once per kind however many tabs are open, and serves what it
sees on 127.0.0.1. It never calls DCS. Nothing in this package may stop a migration.
"""
