"""A cluster's metrics, logs and traces, and their rules and dashboards."""
