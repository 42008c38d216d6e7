"""What the project is built and measured with."""
