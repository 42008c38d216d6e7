output "app_name" {
  description = "What the application is called."
  value       = juju_application.demo_coordinator.name
}

output "provides" {
  description = "The endpoints that it provides, by their names with underscores."
  value = {
    demo_cluster      = "demo-cluster"
    kv_api            = "kv-api"
    metrics_endpoint  = "metrics-endpoint"
    grafana_dashboard = "grafana-dashboard"
    grafana_source    = "grafana-source"
    send_datasource   = "send-datasource"
    provide_cmr_mesh  = "provide-cmr-mesh"
  }
}

output "requires" {
  description = "The endpoints that it requires, by their names with underscores."
  value = {
    certificates          = "certificates"
    s3                    = "s3"
    logging               = "logging"
    self_charm_tracing    = "self-charm-tracing"
    self_workload_tracing = "self-workload-tracing"
    send_remote_write     = "send-remote-write"
    catalogue             = "catalogue"
    receive_datasource    = "receive-datasource"
    service_mesh          = "service-mesh"
    require_cmr_mesh      = "require-cmr-mesh"
  }
}
