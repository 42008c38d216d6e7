"""The tools by which the project is built and measured."""
