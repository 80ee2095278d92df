"""Receipts out: every configured endpoint of a producer gets the receipts of its tenants, signed, in order, at last."""
