"""Unpacking by the library that the program zstd is made of, within this process: what
goes to a program and comes back through pipes is copied four times.
"""

import ctypes

from blocks import BLOCK
from failure import Failure
import tools

_LIBRARY = "libzstd.so.1"
_WINDOW_LOG_MAX = 100, 31  # a parameter, and its value: like the program's --long=31


class _Memory(ctypes.Structure):
    """ZSTD_inBuffer and ZSTD_outBuffer."""

    _fields_ = [("start", ctypes.c_void_p), ("size", ctypes.c_size_t), ("pos", ctypes.c_size_t)]


def version():
    """The library's version, or None."""
    try:
        lib = ctypes.CDLL(_LIBRARY)
    except OSError:
        return None
    lib.ZSTD_versionString.restype = ctypes.c_char_p
    return lib.ZSTD_versionString().decode()


def _library():
    try:
        lib = ctypes.CDLL(_LIBRARY)
    except OSError:
        raise tools.missing("libzstd") from None
    lib.ZSTD_getErrorName.restype = ctypes.c_char_p
    lib.ZSTD_getErrorName.argtypes = [ctypes.c_size_t]
    lib.ZSTD_isError.argtypes = [ctypes.c_size_t]
    lib.ZSTD_createDCtx.restype = ctypes.c_void_p
    lib.ZSTD_createDCtx.argtypes = []
    lib.ZSTD_freeDCtx.argtypes = [ctypes.c_void_p]
    lib.ZSTD_DCtx_setParameter.restype = ctypes.c_size_t
    lib.ZSTD_DCtx_setParameter.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]
    lib.ZSTD_decompressStream.restype = ctypes.c_size_t
    lib.ZSTD_decompressStream.argtypes = [ctypes.c_void_p, ctypes.POINTER(_Memory), ctypes.POINTER(_Memory)]
    return lib


class Unpacker:
    """What was packed goes in by feed(), in pieces of any size; whole blocks come out to
    take(bytearray, length), which are the caller's until it returns. The rest by end()."""

    def __init__(self, path, take):
        self._path, self._take = path, take
        self._block = bytearray(BLOCK)
        self._out = _Memory(ctypes.addressof(ctypes.c_char.from_buffer(self._block)), BLOCK, 0)
        self._left = 0  # what the library wants more; 0 is the end of a frame
        self._lib = _library()
        self._context = self._lib.ZSTD_createDCtx()
        if not self._context:
            raise MemoryError
        self._check(self._lib.ZSTD_DCtx_setParameter(self._context, *_WINDOW_LOG_MAX))

    def feed(self, view):
        """view is writable memory; it is only read."""
        given = _Memory(ctypes.addressof(ctypes.c_char.from_buffer(view)), len(view), 0)
        while True:
            self._left = self._check(self._lib.ZSTD_decompressStream(self._context, self._out, given))
            full = self._out.pos == BLOCK
            if full:
                self._take(self._block, BLOCK)
                self._out.pos = 0
            # After a full block more may be waiting in the library.
            if given.pos == given.size and not (full and self._left):
                return

    def end(self):
        if self._left:
            raise Failure("corrupt", f"{self._path}: zstd: it ends too early", path=self._path)
        if self._out.pos:
            self._take(self._block, self._out.pos)

    def close(self):
        self._lib.ZSTD_freeDCtx(self._context)

    def _check(self, code):
        if self._lib.ZSTD_isError(code):
            words = self._lib.ZSTD_getErrorName(code).decode()
            raise Failure("corrupt", f"{self._path}: zstd: {words}", path=self._path)
        return code
