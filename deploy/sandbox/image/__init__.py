"""The image of deploy/Dockerfile: built for real, measured, listed and run as the chart runs it.

`python -m sandbox.image` does all of it; `build.build` gives the archive that a node imports. What
builds is a container engine of this machine, and what it runs against is the sandbox's.
"""
