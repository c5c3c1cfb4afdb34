"""The old place of key-value pairs."""

from st2client.models.keyvalue import KeyValuePair

__all__ = ["KeyValuePair"]
