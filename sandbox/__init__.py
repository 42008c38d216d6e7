"""A Juju model on one machine, to see the charms work without Juju or a cluster."""
