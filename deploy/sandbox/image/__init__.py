"""The image of deploy/Dockerfile: really built, measured, listed and run as the chart runs it.

`python -m sandbox.image` does all of it; `build.build` returns the archive that a node imports. It
is built by a container engine of this machine, and runs against the sandbox's servers.
"""
