"""A small client of the API with the names of StackStorm's Python client.

It holds what packs use of it inside actions and sensors, on the standard library alone.
"""

__version__ = "3.9.0"
