"""Tools that build and measure the project."""
