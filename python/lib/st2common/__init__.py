"""What packs made for StackStorm import from its server library.

Written for Squall, with StackStorm's names and signatures, by a census of what
public packs use. It needs nothing but Python's standard library; what belongs to
StackStorm's own database or message bus does not exist here.
"""

__version__ = "3.9.0"
