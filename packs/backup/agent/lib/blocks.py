"""The list of blocks of a disk, and its digest. See "Digest" in the README."""

import hashlib
import re

from failure import Failure

BLOCK = 1 << 20
_LINE = re.compile(rb"(\d{1,15}) ([0-9a-f]{64})")
_NONE = bytes(32)


class Blocks:
    """SHA-256 of each block that is not zero: 32 bytes for each MiB in one array, so
    that a disk of 1 TiB needs 32 MiB. 32 zero bytes stand for a block of zeros."""

    def __init__(self, size):
        self.size = size
        self.count = -(-size // BLOCK)
        self._sums = bytearray(32 * self.count)

    def __getitem__(self, index):
        return bytes(self._sums[32 * index:32 * index + 32])

    def put(self, index, data):
        """Notes the content of a block, and says whether it is anything but zeros."""
        if is_zero(data):
            self._sums[32 * index:32 * index + 32] = _NONE
            return False
        self._sums[32 * index:32 * index + 32] = hashlib.sha256(data).digest()
        return True

    def copy(self):
        other = Blocks(0)
        other.size, other.count, other._sums = self.size, self.count, bytearray(self._sums)
        return other

    def data_blocks(self):
        return sum(1 for _ in self._lines())

    def _lines(self):
        for index in range(self.count):
            block = self[index]
            if block != _NONE:
                yield b"%d %s\n" % (index, block.hex().encode())

    def text(self):
        return b"%d\n" % self.size + b"".join(self._lines())

    def digest(self):
        h = hashlib.sha256(b"%d\n" % self.size)
        for line in self._lines():
            h.update(line)
        return "sha256:" + h.hexdigest()

    def differences(self, other):
        """The indices of the blocks that differ."""
        if self._sums == other._sums:
            return []
        return [i for i in range(max(self.count, other.count)) if self[i] != other[i]]


def parse(text):
    """Reads what text() wrote; anything else is corrupt."""
    lines = text.split(b"\n")
    try:
        if lines.pop() != b"":
            raise ValueError("cut off")
        blocks = Blocks(int(lines[0]))
        for line in lines[1:]:
            found = _LINE.fullmatch(line)
            index = int(found[1])
            if index >= blocks.count:
                raise ValueError("behind the end")
            blocks._sums[32 * index:32 * index + 32] = bytes.fromhex(found[2].decode())
    except (ValueError, TypeError, IndexError) as e:
        raise Failure("corrupt", f"the list of blocks is damaged: {e}") from None
    return blocks


_ZEROS = bytes(64 << 10)


def is_zero(data):
    """Whether bytes of any kind are all zero."""
    if bytes(data[:256]).strip(b"\0"):
        return False  # that was cheap, and is the common case
    return all(bytes(data[at:at + len(_ZEROS)]) == _ZEROS[:len(data) - at] for at in range(0, len(data), len(_ZEROS)))
