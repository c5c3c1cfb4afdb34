import os
import sys
import time

from st2common.runners.base_action import Action


class Slow(Action):
    def run(self, file, number):
        with open(file + ".begun", "a") as begun:
            begun.write("\n")
        for n in range(1, 7):
            print("line %d of %d" % (n, number), flush=True)
            sys.stderr.write("on the other side %d\n" % n)
            time.sleep(0.5)
        with open(file, "a") as ended:
            ended.write(os.environ["SQUALL_IDEMPOTENCY_KEY"] + "\n")
        return number % 3 == 0, {"number": number}
