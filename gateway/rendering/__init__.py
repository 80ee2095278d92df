"""From a template and a reminder's parameters to the words that are sent. Pure: no clock, no network, no store."""
