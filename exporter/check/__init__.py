"""Probe once and say what was found: `command` starts it, `errand` makes the sessions, `together` compares what they
brought, `verdict` and `advice` weigh it, `report` and `document` show it.
"""
