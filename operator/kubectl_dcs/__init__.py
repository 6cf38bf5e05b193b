"""`kubectl dcs`: a plugin for people, before, during and after a cutover.

A client of the API server with the rights of the user who runs it. It reads and writes the
resources of this project; only `import` and `logs` call the cloud. It shares only pure code and the
DCS client with the operator: no kopf, no engine.

    cli → commands → shared modules → the doors

The doors: `login` and `cluster` to Kubernetes, `cloud` to DCS, `screen` to the terminal.
Third-party libraries that are slow to import are imported there, and only when they are needed.
"""
