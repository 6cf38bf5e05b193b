"""`kubectl dcs`: what a person needs before, during and after a cutover.

A client of the API server with the rights of whoever runs it. It reads and writes the resources of
this project; the cloud is asked only by `import` and `logs`. It shares pure code and the DCS client
with the operator, and nothing else: no kopf, no engine.

    cli → commands → what they have in common → the doors

The doors: `login` and `cluster` to Kubernetes, `cloud` to DCS, `screen` to the terminal. Each
foreign library that is slow to import is imported there, when it is needed.
"""
