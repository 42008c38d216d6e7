resource "juju_application" "demo_coordinator" {
  name       = var.app_name
  model_uuid = var.model_uuid
  trust      = true # it writes to Kubernetes

  charm {
    name     = "demo-coordinator-k8s"
    base     = var.base
    channel  = var.channel
    revision = var.revision
  }

  config      = var.config
  constraints = var.constraints
  resources   = var.resources
  units       = var.units
}
