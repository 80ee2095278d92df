"""The house behind the API: the ports of `gateway.web.api`, on the real store and the real ledger."""
