# The bundle as Terraform: creates what `make register` creates.
# Attributes follow the documentation of the provider airbytehq/airbyte, 1.0 to 1.3.

terraform {
  required_version = ">= 1.5"

  required_providers {
    airbyte = {
      source  = "airbytehq/airbyte"
      version = "~> 1.0"
    }
  }
}

provider "airbyte" {
  server_url    = var.server_url
  client_id     = var.client_id
  client_secret = var.client_secret
  token_url     = "${trimsuffix(var.server_url, "/")}/applications/token"
}

# Names, images, streams and schedules come from the bundle and the connectors' own metadata.
locals {
  bundle      = yamldecode(file("${path.module}/../../metadata.yaml"))
  connectors  = local.bundle.connectors
  connections = local.bundle.connections

  source_metadata      = yamldecode(file("${path.module}/../../${local.connectors.source.directory}/metadata.yaml")).data
  destination_metadata = yamldecode(file("${path.module}/../../${local.connectors.destination.directory}/metadata.yaml")).data
}

resource "airbyte_source_definition" "slack_users" {
  docker_image_tag  = local.source_metadata.dockerImageTag
  docker_repository = local.source_metadata.dockerRepository
  name              = local.source_metadata.name
  workspace_id      = var.workspace_id
}

resource "airbyte_destination_definition" "oomnitza" {
  docker_image_tag  = local.destination_metadata.dockerImageTag
  docker_repository = local.destination_metadata.dockerRepository
  name              = local.destination_metadata.name
  workspace_id      = var.workspace_id
}

resource "airbyte_source" "slack_users" {
  name          = local.connectors.source.name
  workspace_id  = var.workspace_id
  definition_id = airbyte_source_definition.slack_users.id

  configuration = jsonencode({
    credentials = {
      auth_type = "api_token"
      api_token = var.slack_token
    }
  })
}

resource "airbyte_destination" "oomnitza" {
  name          = local.connectors.destination.name
  workspace_id  = var.workspace_id
  definition_id = airbyte_destination_definition.oomnitza.id

  configuration = jsonencode({
    instance_url = var.oomnitza_url
    credentials = {
      auth_type = "api_token"
      api_token = var.oomnitza_token
    }
    default_role = var.oomnitza_role
    record_type = {
      type      = "user_and_saas_user"
      saas_name = "Slack"
    }
  })
}

# One for each connection of the bundle. Those that are not enabled there are created switched off.
resource "airbyte_connection" "this" {
  for_each = local.connections

  configurations = {
    streams = [
      for stream in each.value.streams : {
        name      = stream.name
        sync_mode = stream.sync_mode
      }
    ]
  }
  destination_id = airbyte_destination.oomnitza.destination_id
  name           = each.value.name
  schedule = {
    cron_expression = "${each.value.schedule.cron} UTC"
    schedule_type   = "cron"
  }
  source_id = airbyte_source.slack_users.source_id
  status    = try(each.value.enabled, true) ? "active" : "inactive"
}
