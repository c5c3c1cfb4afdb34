"""Errors of the command line, where packs look for them."""

__all__ = ["ResourceNotFoundError", "ResourceCommandError"]


class ResourceCommandError(Exception):
    """A command cannot be carried out."""


class ResourceNotFoundError(Exception):
    """There is no such resource."""
