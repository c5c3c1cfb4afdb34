"""What became of a call of the agent, out of the result of its execution.

A result can be the agent's answer, but also that of a host that could not be reached,
of an execution whose time was over, or of one that was lost with the server it ran
on. Whatever it is, there is a kind and a sentence for people.
"""

import dataclasses

__all__ = ["FAILED", "LOST", "TIMEOUT", "UNREACHABLE", "Answer", "outcomes", "read", "read_command"]

# Kinds of our own, beside the agent's.
UNREACHABLE, TIMEOUT, LOST, FAILED = "unreachable", "timeout", "lost", "failed"


@dataclasses.dataclass(frozen=True)
class Answer:
    """doc is the agent's object, empty when there was none. kind and error are None
    when it did what it was told."""

    doc: dict
    kind: "str | None" = None
    error: "str | None" = None

    @property
    def ok(self):
        """Report whether the agent did what it was told."""
        return self.kind is None


def read(result):
    """Return the Answer in the result of an execution on one host."""
    entry = _entry(result)
    if entry is None:
        return _elsewhere(result)
    doc = entry.get("stdout")
    if isinstance(doc, dict):
        if doc.get("ok") and entry.get("succeeded"):
            return Answer(doc)
        if not doc.get("ok"):
            return Answer(doc, doc.get("kind") or FAILED, doc.get("error") or "no reason was given")
    if entry.get("timeout"):
        return Answer({}, TIMEOUT, entry.get("error") or "its time was over")
    if entry.get("error"):
        kind = UNREACHABLE if entry.get("return_code") == 255 else FAILED
        return Answer({}, kind, entry["error"])
    said = str(entry.get("stderr") or doc or "").strip().splitlines()
    return Answer({}, FAILED, "status %s: %s" % (entry.get("return_code"), said[-1] if said else "nothing was printed"))


def _entry(result):
    if not isinstance(result, dict) or len(result) != 1:
        return None
    entry = next(iter(result.values()))
    return entry if isinstance(entry, dict) and "return_code" in entry else None


def _elsewhere(result):
    if isinstance(result, dict):
        for key in ("error", "message", "errors", "traceback"):
            if result.get(key):
                return Answer({}, FAILED, str(result[key]))
    return Answer({}, LOST, "the server stopped while it was done")


def outcomes(result):
    """Return the outputs of the workflows that a task with items ran; None stands for
    one that left none."""
    found = []
    for item in result or []:
        item = item.get("result", item) if isinstance(item, dict) and "status" in item else item
        found.append(item.get("output") if isinstance(item, dict) else None)
    return found


def read_command(result):
    """Return the Answer of a command that is no agent: its status counts, and an object
    that it prints is the doc."""
    entry = _entry(result)
    if entry is None:
        return _elsewhere(result)
    if entry.get("succeeded"):
        return Answer(entry["stdout"] if isinstance(entry.get("stdout"), dict) else {})
    return read({"host": dict(entry, stdout=str(entry.get("stdout") or ""))})
