"""The gateway: judges, renders, claims, sends and settles reminders; `channels` carries them."""
