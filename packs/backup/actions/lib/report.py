"""What the administrators read: the report of a run, and the report of where every
source stands. Facts in, texts out: a subject, a plain text and HTML with the same.
"""

import datetime
import html
import statistics

from lib import catalogue, instants

__all__ = ["anomalies", "drill_report", "freshness", "plural", "restore_report", "run_report", "size_text", "standing_report", "verification_report"]


def size_text(count):
    """Write bytes for people."""
    if count is None:
        return "-"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return "%d %s" % (count, unit) if unit == "B" or count >= 100 else "%.1f %s" % (count, unit)
        count /= 1024
    return "%.1f TiB" % count


def plural(count, noun):
    """Write "1 source", "2 sources"."""
    return "%d %s%s" % (count, noun, "" if count == 1 else "s")


def anomalies(outcomes, entries, below, above):
    """Return a sentence for each good copy whose payload differs too much from the median
    of its predecessors of the same kind (level 0 or higher)."""
    by_source, found = catalogue.copies_of(entries), []
    for o in outcomes:
        if o.get("state") != "good":
            continue
        before = [
            e["payload"]
            for e in by_source.get(o["source"], [])
            if e["stamp"] < o["stamp"] and (e["level"] == 0) == (o["level"] == 0) and e.get("payload")
        ][:10]
        if len(before) < 3:
            continue
        median = statistics.median(before)
        if not below * median <= o["payload"] <= above * median:
            found.append(
                "%s: %s in a copy of level %d, the median of its predecessors is %s"
                % (o["source"], size_text(o["payload"]), o["level"], size_text(median))
            )
    return found


def run_report(outcomes, now, rpo_ages, extras):
    """Return {"state", "subject", "text", "html"} of a run.

    outcomes: one for each source. rpo_ages: {source: age of the last good copy or None}.
    extras: [(title, lines)] of warnings and of what else is to be known."""
    good = [o for o in outcomes if o["state"] == "good"]
    bad = [o for o in outcomes if o["state"] != "good"]
    state = "failed" if bad and not good else "partial" if bad else "succeeded"
    stored = sum(o.get("stored") or 0 for o in good)
    subject = {
        "succeeded": "Backup succeeded: %s, %s" % (plural(len(good), "source"), size_text(stored)),
        "partial": "Backup PARTIAL: %d of %s failed" % (len(bad), plural(len(outcomes), "source")),
        "failed": "Backup FAILED: " + (plural(len(bad), "source") if outcomes else "there was nothing to back up"),
    }
    if not outcomes:
        state = "failed"
    tables = []
    if bad:
        rows = [[o["source"], o.get("step") or "-", o.get("kind") or "-", o.get("error") or "-", _age(rpo_ages.get(o["source"]))] for o in bad]
        tables.append(("Failed", ["source", "step", "kind", "reason", "last good copy"], rows))
    if good:
        rows = [
            [o["source"], _kind(o["level"]), size_text(o["payload"]), size_text(o["stored"]), _took(o.get("seconds")), o.get("full_because") or ""]
            for o in good
        ]
        tables.append(("Copied and verified", ["source", "copy", "read", "stored", "took", ""], rows))
    extras = [(title, lines) for title, lines in extras if lines]
    return dict(_render(subject[state], now, tables, extras), state=state)


def _kind(level):
    """Say of what kind a copy is: a full one, or of what has changed since the last one."""
    return "changes" if level else "full"


def _took(seconds):
    seconds = seconds or 0
    return "<1s" if 0 < seconds < 1 else instants.short_span(datetime.timedelta(seconds=seconds))


def _age(age):
    return "none" if age is None else instants.short_span(age) + " old"


def freshness(settings, entries, drills, known, now):
    """Return where every source stands: {"source", "policy", "last_good", "last_verified",
    "age", "status", "drill", "rto"}, the worst first. Age is that of the newest verified
    copy, in seconds; status is ok, late (older than the objective) or never. known are
    sources that should have copies beside those of the catalogue."""
    by_source, rows = catalogue.copies_of(entries), []
    for source in sorted(set(by_source) | set(known)):
        policy, mine = settings.policy_of(source), by_source.get(source, [])
        last, verified, drill = catalogue.last_good(mine), catalogue.last_verified(mine), drills.get(source) or {}
        age = now - instants.from_stamp(verified["stamp"]) if verified else None
        status = "never" if age is None else "ok" if policy is None or age <= policy.rpo else "late"
        rto = policy.rto.total_seconds() if policy and policy.rto else None
        rows.append(
            {
                "source": source,
                "policy": policy.name if policy else None,
                "last_good": last["stamp"] if last else None,
                "last_verified": verified["stamp"] if verified else None,
                "age": int(age.total_seconds()) if age is not None else None,
                "rpo": int(policy.rpo.total_seconds()) if policy else None,
                "status": status,
                "copies": len(mine),
                "bad": sum(1 for e in mine if not catalogue.good(e)),
                "stored": sum(e.get("stored") or 0 for e in mine),
                "drill": drill.get("at"),
                "drill_ok": drill.get("ok"),
                "restore_seconds": drill.get("seconds"),
                "rto_met": None if rto is None or drill.get("seconds") is None else drill["seconds"] <= rto,
            }
        )
    order = {"never": 0, "late": 1, "ok": 2}
    rows.sort(key=lambda r: (order[r["status"]], -(r["age"] or 0), r["source"]))
    return rows


def standing_report(rows, unprotected, now, problems=()):
    """Return {"subject", "text", "html", "status"} of where everything stands. problems are
    hosts that did not answer."""
    late = [r for r in rows if r["status"] != "ok"]
    span = lambda seconds: instants.short_span(None if seconds is None else datetime.timedelta(seconds=seconds))  # noqa: E731
    table = [
        [
            r["source"],
            r["policy"] or "(none)",
            r["last_good"] or "-",
            r["last_verified"] or "-",
            span(r["age"]),
            r["status"],
            "-" if r["drill"] is None else "%s in %s" % ("ok" if r["drill_ok"] else "FAILED", span(r["restore_seconds"])),
        ]
        for r in rows
    ]
    subject = "Backups: all of %s within their objective" % plural(len(rows), "source")
    if late:
        subject = "Backups: %d of %s LATE" % (len(late), plural(len(rows), "source"))
    if unprotected:
        subject += ", %s unprotected" % plural(len(unprotected), "machine")
    tables = [("Sources", ["source", "policy", "last good", "last verified", "age", "status", "last restore drill"], table)]
    extras = [(title, list(lines)) for title, lines in (("Machines in no policy", unprotected), ("Hosts that do not answer", problems)) if lines]
    return dict(_render(subject, now, tables, extras), status="late" if late else "ok")


def verification_report(found, bad_rows, problems, now):
    """Return {"state", "subject", "text", "html"} of a verification."""
    state = "bad" if found["bad"] else "failed" if problems else "succeeded"
    subject = {
        "bad": "Backup verification: %s BAD" % plural(len(found["bad"]), "copy").replace("copys", "copies"),
        "failed": "Backup verification FAILED: " + plural(len(problems), "problem"),
        "succeeded": "Backup verification: %s good" % plural(len(found["good"]), "copy").replace("copys", "copies"),
    }[state]
    tables = [("Bad, set aside; the next copy is a full one", ["copy", "reason", "last good copy"], bad_rows)] if bad_rows else []
    extras = [(title, lines) for title, lines in (("Problems", problems), ("Good", sorted(found["good"]))) if lines]
    return dict(_render(subject, now, tables, extras), state=state)


def drill_report(drills, error, now):
    """Return {"state", "subject", "text", "html"} of restore drills."""
    bad = [d for d in drills if not d["ok"] or d.get("rto_met") is False]
    state = "failed" if error or bad else "succeeded"
    subject = "Restore drill succeeded: " + plural(len(drills), "source")
    if state == "failed":
        subject = "Restore drill FAILED: %d of %s" % (len(bad), plural(len(drills), "source"))
    rows = []
    for d in drills:
        took = "-" if d.get("seconds") is None else instants.short_span(datetime.timedelta(seconds=d["seconds"]))
        rto = {True: "met", False: "NOT met"}.get(d.get("rto_met"), "-")
        rows.append([d["source"], d["stamp"], "ok" if d["ok"] else d["error"], took, rto])
    tables = [("Restored", ["source", "copy", "result", "took", "RTO"], rows)] if rows else []
    return dict(_render(subject, now, tables, [("Error", [error])] if error else []), state=state, drills=drills)


def restore_report(plan, answer, now):
    """Return {"state", "subject", "text", "html"} of a restore."""
    name = "%s/%s" % (plan.get("source", "?"), plan.get("stamp", "?"))
    where = (plan.get("host") or {}).get("name", "?")
    if not answer.ok:
        lines = ["%s: %s" % (answer.kind, answer.error)]
        return dict(_render("Restore FAILED: %s on %s" % (name, where), now, [], [("Reason", lines)]), state="failed")
    doc = answer.doc
    subject = "Restore %s: %s on %s" % ("would work" if doc.get("dry_run") else "succeeded", name, where)
    rows = [
        [d["name"], d.get("to") or "-", size_text(d.get("size")), "same as the source was" if d.get("ok") and not doc.get("dry_run") else "-"]
        for d in doc.get("disks") or []
    ]
    tables = [("Disks", ["disk", "to", "size", "content"], rows)] if rows else []
    facts = [("Read", ["chain: " + ", ".join(doc["chain"])])] if doc.get("chain") else []
    if doc.get("to"):
        facts.append(("Files", ["%s, %s to %s" % (plural(doc.get("files") or 0, "file"), size_text(doc.get("bytes")), doc["to"])]))
    return dict(_render(subject, now, tables, facts), state="succeeded")


def _render(subject, now, tables, extras):
    when = now.strftime("%Y-%m-%d %H:%M UTC")
    text, page = [subject, when, ""], ["<h2>%s</h2><p>%s</p>" % (html.escape(subject), when)]
    for title, head, rows in tables:
        text += [title + ":"] + _columns(head, rows) + [""]
        cells = lambda row, tag: "<tr>%s</tr>" % "".join("<%s>%s</%s>" % (tag, html.escape(str(c)), tag) for c in row)  # noqa: E731
        page.append('<h3>%s</h3><table border="1" cellpadding="4" style="border-collapse:collapse">' % html.escape(title))
        page.append(cells(head, "th") + "".join(cells(r, "td") for r in rows) + "</table>")
    for title, lines in extras:
        text += [title + ":"] + ["  " + item for item in lines] + [""]
        page.append("<h3>%s</h3><ul>%s</ul>" % (html.escape(title), "".join("<li>%s</li>" % html.escape(i) for i in lines)))
    return {"subject": subject, "text": "\n".join(text).rstrip() + "\n", "html": "<html><body>%s</body></html>" % "".join(page)}


# What is wider than this has a line of its own in a plain text.
_WIDEST = 48


def _columns(head, rows):
    """Return the lines of a table; sentences stand below their rows, not in a column."""
    widths = [max(len(str(r[i])) for r in [head] + rows) for i in range(len(head))]
    slim = [i for i, w in enumerate(widths) if i == 0 or w <= _WIDEST]
    lines = []
    for row in [head] + rows:
        lines.append("  " + "  ".join(str(row[i]).ljust(widths[i]) for i in slim).rstrip())
        if row is not head:
            lines += ["      %s: %s" % (head[i], row[i]) for i in range(len(row)) if i not in slim and row[i] not in ("", "-")]
    return lines
