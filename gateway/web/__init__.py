"""What answers over HTTP: health, metrics, and later the API, webhooks and pages."""
