"""The Grafana dashboard: what it shows is `panels.py`, how Grafana wants it said is `build.py`.

`python -m dashboards.build` renews `dcs-migration-operator.json`, which is what people import.
"""
