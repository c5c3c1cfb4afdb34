"""Writing a disk as it is: to a file of its size, or to a block device."""

import os

import direct
import target


class Writer:
    """An existing file or device, in a `with`. Threads may write to it at once."""

    def __init__(self, path, device):
        self.path, self._device = path, device

    def __enter__(self):
        try:
            # A device that is mounted or otherwise claimed is refused by the kernel.
            self._file = direct.File(self.path, os.O_RDWR | (os.O_EXCL if self._device else 0))
        except OSError as e:
            raise target.of_os(e, self.path) from None
        return self

    def __exit__(self, *_):
        self._file.close()

    def connect(self):
        return self

    def shutdown(self):
        pass

    def pwrite(self, data, offset):
        self._file.write(data, offset)

    def zero(self, length, offset):
        self.pwrite(bytes(length), offset)
