"""Probe once and say what was found: `command` does it, `verdict` and `advice` weigh it, `report` shows it."""
