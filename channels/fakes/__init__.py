"""Fakes that speak the providers' wire: what tests send to, and users by `gateway sandbox-provider`."""
