import random
import subprocess

from st2common.runners.base_action import Action


class Dig(Action):
    def run(self, rand, count, nameserver, hostname, queryopts, querytype):
        command = ["dig"]
        if nameserver:
            command.append("@" + nameserver)
        command += ["+" + option.strip() for option in queryopts.split(",")]
        command += [hostname, querytype]
        try:
            answer = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        except FileNotFoundError:
            return False, "dig is not installed on the server: apt-get install dnsutils, or dnf install bind-utils"
        text = answer.stdout.decode("utf-8", "replace")
        if querytype.lower() == "txt":
            text = text.replace('"', "")
        lines = [line for line in text.split("\n") if line]
        if 0 < count < len(lines):
            lines = lines[:count]
        if rand:
            random.shuffle(lines)
        return lines
