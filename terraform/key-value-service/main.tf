module "coordinator" {
  source = "../demo-coordinator-k8s"

  app_name    = var.coordinator.app_name
  channel     = var.channel
  config      = var.coordinator.config
  constraints = var.coordinator.constraints
  model_uuid  = var.model_uuid
  revision    = var.coordinator.revision
  units       = var.coordinator.units
}

module "workers" {
  source   = "../demo-worker-k8s"
  for_each = var.workers

  app_name    = "${var.coordinator.app_name}-${each.key}"
  channel     = var.channel
  config      = merge({ "role-${each.key}" = "true" }, each.value.config)
  constraints = each.value.constraints
  model_uuid  = var.model_uuid
  revision    = each.value.revision
  units       = each.value.units
}

module "beacon" {
  source = "../istio-beacon-k8s"

  app_name    = var.beacon.app_name
  channel     = var.channel
  config      = var.beacon.config
  constraints = var.beacon.constraints
  model_uuid  = var.model_uuid
  revision    = var.beacon.revision
  units       = var.beacon.units
}

resource "juju_integration" "cluster" {
  for_each   = module.workers
  model_uuid = var.model_uuid

  application {
    name     = module.coordinator.app_name
    endpoint = module.coordinator.provides.demo_cluster
  }

  application {
    name     = each.value.app_name
    endpoint = each.value.requires.demo_cluster
  }
}

# The workers join the mesh by their coordinator.
resource "juju_integration" "service_mesh" {
  model_uuid = var.model_uuid

  application {
    name     = module.beacon.app_name
    endpoint = module.beacon.provides.service_mesh
  }

  application {
    name     = module.coordinator.app_name
    endpoint = module.coordinator.requires.service_mesh
  }
}
