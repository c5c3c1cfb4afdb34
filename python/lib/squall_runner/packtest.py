"""Runs the unit tests of a pack: python packtest.py PACK_DIR [-v] [PATTERN]."""

import os
import sys
import unittest

DIR = os.path.dirname(os.path.abspath(__file__))


def main():
    arguments = [a for a in sys.argv[1:] if a != "-v"]
    pack = os.path.abspath(arguments[0])
    pattern = arguments[1] if len(arguments) > 1 else "test_*.py"
    sys.path[:] = [p for p in sys.path if os.path.abspath(p or ".") != DIR]
    sys.path.insert(0, os.path.dirname(DIR))
    sys.path.append(os.path.join(os.path.dirname(os.path.dirname(DIR)), "fallback"))
    # What tests of packs import bare: "from parse import ParseAction", "from lib.x import y".
    places = ["actions/lib", "sensors/lib", "lib", "actions", "sensors", "etc", "tests"]
    sys.path += [path for path in (os.path.join(pack, place) for place in places) if os.path.isdir(path)]
    sys.path.append(pack)
    tests = os.path.join(pack, "tests")
    if not os.path.isdir(tests):
        print("%s has no directory tests" % pack, file=sys.stderr)
        return 2
    os.chdir(pack)
    if not os.path.exists(os.path.join(tests, "__init__.py")):
        top = tests
    else:
        top = pack
    suite = unittest.defaultTestLoader.discover(tests, pattern=pattern, top_level_dir=top)
    if suite.countTestCases() == 0:
        print("no tests match %s" % pattern, file=sys.stderr)
        return 2
    result = unittest.TextTestRunner(verbosity=2 if "-v" in sys.argv else 1).run(suite)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
