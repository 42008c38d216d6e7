"""The relation between a coordinator and its workers."""
