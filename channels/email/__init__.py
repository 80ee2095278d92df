"""Email, by SMTP."""
