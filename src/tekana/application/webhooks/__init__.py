"""Webhooks: what their owners can do, and how deliveries are made.

webhooks     endpoints and deliveries, as their owners use them
validation   checks of an endpoint's fields
event_queue  queues each event for the endpoints that want it
capacity     how many deliveries are sent at a time
attempt      one attempt, and its outcome
signature    how deliveries are signed

`tekana.application.workers.webhook_dispatcher` is the worker that delivers.
"""
