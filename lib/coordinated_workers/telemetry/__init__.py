"""A cluster's metrics, logs and traces, and the rules and dashboards that come with them."""
