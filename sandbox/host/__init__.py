"""The process that one application's charm runs in.

It needs nothing but ops and ops-scenario, so that it runs in any charm's own environment.
"""
