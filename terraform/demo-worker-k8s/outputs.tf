output "app_name" {
  description = "What the application is called."
  value       = juju_application.demo_worker.name
}

output "provides" {
  description = "The endpoints that it provides, by their names with underscores."
  value       = {}
}

output "requires" {
  description = "The endpoints that it requires, by their names with underscores."
  value = {
    demo_cluster = "demo-cluster"
  }
}
