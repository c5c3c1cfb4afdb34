"""What is known of the copies: one key of the datastore for each, shared by all nodes.

    backup.copy.SOURCE.STAMP     a copy, as entry() makes it
    backup.drill.SOURCE          the last restore drill
    backup.run.ID                a run that is going on: what has to be cleaned up

The manifests on the targets are the truth; a lost catalogue is made again from them
(action backup.catalog_rebuild). A key is written after the copy has its name on the
target and removed after the copy is gone, so it never names a copy that was not
complete.
"""

import json

from lib import instants
from lib.retention import Copy

__all__ = ["Catalogue", "chain", "copies_of", "entry", "for_retention", "good", "last_good", "last_verified", "whole"]

COPY, DRILL, RUN = "backup.copy.", "backup.drill.", "backup.run."

# What a level n says of itself beside the manifest.
_TAKEN = ("source", "stamp", "level", "base", "target", "host", "machine", "provider", "run", "started", "finished", "quiesced")


def entry(manifest, policy=None, verified=None, stored=None, seconds=None):
    """Return the catalogue's entry for a copy, from its manifest. verified is the
    agent's verdict: {"at", "ok", "depth"}."""
    disks = manifest.get("disks") or []
    total = lambda key: sum(d.get(key) or 0 for d in disks)  # noqa: E731
    doc = {key: manifest.get(key) for key in _TAKEN}
    doc.update(
        policy=policy,
        state="good",
        size=total("size"),
        payload=total("payload"),
        stored=stored if stored is not None else total("file_size"),
        seconds=seconds,
        digests={d["name"]: d.get("digest") for d in disks},
        compressed=manifest.get("compression") is not None,
        encrypted=manifest.get("encryption") is not None,
        verified=verified,
        held=False,
    )
    return doc


def copies_of(entries):
    """Return {source: entries, newest first}."""
    by_source = {}
    for doc in sorted(entries, key=lambda e: e["stamp"], reverse=True):
        by_source.setdefault(doc["source"], []).append(doc)
    return by_source


def chain(entries, doc):
    """Return the copies that a restore of doc reads, level 0 first; None when one of
    them is missing."""
    by_stamp = {e["stamp"]: e for e in entries}
    found = [doc]
    while found[0].get("base"):
        base = by_stamp.get(found[0]["base"])
        if base is None or base in found:
            return None
        found.insert(0, base)
    return found


def whole(entries, doc):
    """Report whether everything that a restore of doc reads is there and good."""
    parts = chain(entries, doc)
    return parts is not None and all(good(p) for p in parts)


def good(doc):
    """Report whether nothing bad is known of the copy itself."""
    return doc.get("state") == "good"


def last_good(entries):
    """Return the newest copy that can be restored, None when there is none."""
    return next((e for e in entries if whole(entries, e)), None)


def last_verified(entries):
    """Return the newest copy that can be restored and was verified."""
    return next((e for e in entries if _verified(e) and whole(entries, e)), None)


def _verified(doc):
    return bool((doc.get("verified") or {}).get("ok"))


def for_retention(entries):
    """Return the entries of one source as retention.decide wants them."""
    return [
        Copy(
            stamp=e["stamp"],
            when=instants.from_stamp(e["stamp"]),
            base=e.get("base"),
            good=good(e),
            verified=_verified(e),
            held=bool(e.get("held")),
        )
        for e in entries
    ]


class Catalogue:
    """The keys, through an action's service."""

    def __init__(self, service):
        self._service = service

    def _all(self, prefix):
        for pair in self._service.list_values(local=False, prefix=prefix):
            yield pair.name[len(prefix) :], json.loads(pair.value)

    def _get(self, name):
        text = self._service.get_value(name, local=False)
        return json.loads(text) if text else None

    def _set(self, name, doc):
        self._service.set_value(name, json.dumps(doc, sort_keys=True), local=False)

    def copies(self, source=None):
        """Return all entries, or those of one source."""
        found = [doc for _, doc in self._all(COPY + (source + "." if source else ""))]
        return [e for e in found if source is None or e["source"] == source]

    def get(self, source, stamp):
        """Return one entry or None."""
        return self._get("%s%s.%s" % (COPY, source, stamp))

    def put(self, doc):
        """Write one entry."""
        self._set("%s%s.%s" % (COPY, doc["source"], doc["stamp"]), doc)

    def remove(self, source, stamp):
        """Forget one entry."""
        self._service.delete_value("%s%s.%s" % (COPY, source, stamp), local=False)

    def drills(self):
        """Return {source: the last drill}."""
        return dict(self._all(DRILL))

    def put_drill(self, doc):
        """Write down a drill."""
        self._set(DRILL + doc["source"], doc)

    def runs(self):
        """Return {id: what a run has to clean up}."""
        return dict(self._all(RUN))

    def run(self, ident):
        """Return what the run has to clean up, None when it is done."""
        return self._get(RUN + ident)

    def put_run(self, ident, doc):
        """Write down what a run will have to clean up."""
        self._set(RUN + ident, doc)

    def end_run(self, ident):
        """Forget a run that has cleaned up."""
        self._service.delete_value(RUN + ident, local=False)
