"""Background workers: publish the outbox, deliver webhooks."""
