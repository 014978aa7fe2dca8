"""Webhooks: what their owners read, and how deliveries are made. Changes are commands: see `commands.webhooks`.

webhooks          endpoints and deliveries, as their owners read them
endpoint_secrets  the secrets of endpoints, encrypted
stored_secrets    encrypts the secrets that an earlier version stored
event_queue       queues each event for the endpoints that want it
capacity          how many deliveries are sent at a time
attempt           one attempt, and its outcome
signature         how deliveries are signed

`tekana.application.workers.webhook_dispatcher` is the worker that delivers.
"""
