variable "beacon" {
  description = "The beacon, which takes the service into the mesh."
  type = object({
    app_name    = optional(string, "istio-beacon")
    config      = optional(map(string), {})
    constraints = optional(string, "arch=amd64")
    revision    = optional(number, null)
    units       = optional(number, 1)
  })
  default = {}
}

variable "channel" {
  description = "The Charmhub channel that all charms come from."
  type        = string
  default     = "latest/stable"
}

variable "coordinator" {
  description = "The coordinator; the names of its workers begin with its own."
  type = object({
    app_name    = optional(string, "kv")
    config      = optional(map(string), {})
    constraints = optional(string, "arch=amd64")
    revision    = optional(number, null)
    units       = optional(number, 1)
  })
  default = {}
}

variable "model_uuid" {
  description = "The UUID of the model to deploy to; Istio (istio-k8s) is in the same cluster already."
  type        = string
  nullable    = false
}

variable "workers" {
  description = "The workers, one application for each role."
  type = map(object({
    config      = optional(map(string), {})
    constraints = optional(string, "arch=amd64")
    revision    = optional(number, null)
    units       = optional(number, 1)
  }))
  default = {
    api   = {}
    store = { units = 3 }
  }

  validation {
    condition     = length(setsubtract(keys(var.workers), ["all", "api", "store"])) == 0
    error_message = "The roles are all, api and store."
  }
}
