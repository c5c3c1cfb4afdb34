"""Directories of calls that run at the same time."""

import multiprocessing
import os
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))

import work  # noqa: E402


def use(base, rounds, lost):
    """Make directories, each of which sweeps the base, and count those that went away."""
    for _ in range(rounds):
        with work.directory(base) as path:
            try:
                with open(os.path.join(path, "file"), "w", encoding="utf-8"):
                    pass
            except FileNotFoundError:
                with lost.get_lock():
                    lost.value += 1


class Work(unittest.TestCase):
    def test_nobody_sweeps_what_another_has_just_made(self):
        base = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, base)
        context = multiprocessing.get_context("fork")
        lost = context.Value("i", 0)
        users = [context.Process(target=use, args=(base, 300, lost)) for _ in range(6)]
        for user in users:
            user.start()
        for user in users:
            user.join()
        self.assertEqual((lost.value, [u.exitcode for u in users]), (0, [0] * len(users)))
        self.assertEqual(os.listdir(base), [])


if __name__ == "__main__":
    unittest.main()
