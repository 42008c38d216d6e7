"""The process of one application's charm.

It needs only ops and ops-scenario, so that it runs in any charm's own environment.
"""
