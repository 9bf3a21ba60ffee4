variable "server_url" {
  description = "Airbyte's public API, such as https://airbyte.example.com/api/public/v1/"
  type        = string
}

variable "client_id" {
  description = "Client ID of an application of Airbyte (your user > User settings > Applications)"
  type        = string
  sensitive   = true
}

variable "client_secret" {
  description = "Client secret of the same application"
  type        = string
  sensitive   = true
}

variable "workspace_id" {
  description = "The workspace: behind /workspaces/ in the address of Airbyte's UI"
  type        = string
}

variable "slack_token" {
  description = "Token of the Slack app, with the scopes users:read and users:read.email"
  type        = string
  sensitive   = true
}

variable "oomnitza_url" {
  description = "The Oomnitza instance, such as https://acme.oomnitza.com"
  type        = string
}

variable "oomnitza_token" {
  description = "API token of Oomnitza (Configuration > Security > API tokens)"
  type        = string
  sensitive   = true
}

variable "oomnitza_role" {
  description = "Id or name of the Oomnitza role that new people get"
  type        = string
}
