"""Semaphores with eventlet's names."""

from threading import BoundedSemaphore, Semaphore

__all__ = ["BoundedSemaphore", "Semaphore"]
