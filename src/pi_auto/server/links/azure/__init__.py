"""The fleet's hub at Azure: the service side by a thin REST client, events from its Event Hubs endpoint."""
