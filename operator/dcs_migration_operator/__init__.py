"""Kubernetes operator that stops Huawei Cloud DCS migration tasks, many per API call.

This module defines only the version of the package; `app.py` puts all parts together.
"""

__version__ = "0.1.0"
