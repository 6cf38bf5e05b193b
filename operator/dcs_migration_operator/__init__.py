"""Kubernetes operator that stops Huawei Cloud DCS migration tasks, many per API call.

The package's version is the only thing defined here; `app.py` is where everything is put together.
"""

__version__ = "0.1.0"
