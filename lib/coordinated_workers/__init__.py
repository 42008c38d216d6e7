"""A distributed workload as charms: one coordinator, its workers, and all that goes between them."""
