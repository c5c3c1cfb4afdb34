import asyncio
import concurrent.futures
import multiprocessing
import subprocess

from st2common.runners.base_action import Action


def square(n):
    return n * n


async def later(n):
    await asyncio.sleep(0.01)
    return n


class Parallel(Action):
    def run(self):
        with multiprocessing.get_context("fork").Pool(2) as pool:
            processes = pool.map(square, [1, 2, 3])
        with concurrent.futures.ThreadPoolExecutor(2) as threads:
            futures = list(threads.map(square, [1, 2, 3]))
        return [processes, futures, asyncio.run(later(7)), subprocess.check_output("exec echo $0", shell=True, text=True)]
