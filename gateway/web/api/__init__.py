"""The HTTP API: one table of routes, from which the server, the description and the permissions come."""
