output "app_name" {
  description = "What the application is called."
  value       = juju_application.istio_beacon.name
}

output "provides" {
  description = "The endpoints that it provides, by their names with underscores."
  value = {
    service_mesh      = "service-mesh"
    provide_cmr_mesh  = "provide-cmr-mesh"
    metrics_endpoint  = "metrics-endpoint"
    grafana_dashboard = "grafana-dashboard"
  }
}

output "requires" {
  description = "The endpoints that it requires, by their names with underscores."
  value = {
    charm_tracing = "charm-tracing"
  }
}
