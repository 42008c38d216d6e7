"""What charms tell observability charms and hear from them, one module an interface."""
