"""A Kubernetes control plane and a simulated DCS on this machine, for tests and experiments.

Everything here listens on loopback only and ends with the process that started it. Nothing here is
part of the product, and the product imports nothing from here.
"""
