output "components" {
  description = "The names of the applications: the beacon, the coordinator, and the workers by their role."
  value = {
    beacon      = module.beacon.app_name
    coordinator = module.coordinator.app_name
    workers     = { for role, worker in module.workers : role => worker.app_name }
  }
}

output "provides" {
  description = "The endpoints that the service provides; they are the coordinator's."
  value       = module.coordinator.provides
}

output "requires" {
  description = "The endpoints that the service requires; they are the coordinator's."
  value       = module.coordinator.requires
}
