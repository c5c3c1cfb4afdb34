"""Runs one action in a Python that was started for it: descriptor 3 is the job, the argument its path."""

import os
import sys

DIR = os.path.dirname(os.path.abspath(__file__))
JOB = 3


def main():
    sys.path[:] = [p for p in sys.path if os.path.abspath(p or ".") != DIR]
    sys.path.insert(0, os.path.dirname(DIR))
    sys.path.append(os.path.join(os.path.dirname(os.path.dirname(DIR)), "fallback"))
    os.set_inheritable(JOB, False)
    from squall_runner import action, ending

    before = ending.Modules()
    channel = action.Channel(JOB, sys.argv[1])
    ending.end(action.run(channel.read_job(), channel), before)


if __name__ == "__main__":
    main()
