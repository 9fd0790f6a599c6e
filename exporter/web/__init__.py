"""The HTTP side: metrics, the status page, health, reload. It reads what others computed and never starts a probe."""
