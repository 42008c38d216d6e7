variable "app_name" {
  description = "What the application is called in the model."
  type        = string
  default     = "kv-worker"
}

variable "base" {
  description = "The operating system that the charm runs on."
  type        = string
  default     = "ubuntu@24.04"
}

variable "channel" {
  description = "The Charmhub channel that the charm comes from."
  type        = string
  default     = "latest/stable"
}

variable "config" {
  description = "Values of the charm's options."
  type        = map(string)
  default     = {}
}

variable "constraints" {
  description = "Juju constraints, such as `arch=amd64 mem=512M`."
  type        = string
  default     = "arch=amd64"
}

variable "model_uuid" {
  description = "The UUID of the model to deploy to."
  type        = string
  nullable    = false
}

variable "resources" {
  description = "Images or revisions of the charm's resources, if others than those published with it."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.resources), ["worker-image"])) == 0
    error_message = "The charm's resources are: worker-image."
  }
}

variable "revision" {
  description = "The revision of the charm; the channel's latest if there is none."
  type        = number
  default     = null
}

variable "units" {
  description = "How many units there are."
  type        = number
  default     = 1

  validation {
    condition     = var.units >= 0
    error_message = "There can't be less than no units."
  }
}
