from lib import answers, instants
from lib.base import BackupAction


class DrillRecord(BackupAction):
    """Writes down how a drill went: whether the copy could be restored, and how long it
    took (the RTO in practice)."""

    def work(self, job, mounted, restored, probed):
        answer = answers.read(restored if restored is not None else mounted)
        error, seconds = answer.error, answer.doc.get("seconds")
        if answer.ok and probed is not None:
            probe = answers.read_command(probed)
            if not probe.ok:
                error = "the restored machine does not pass the probe: %s" % probe.error
            elif probe.doc.get("seconds") is not None:
                seconds = (seconds or 0) + probe.doc["seconds"]
        drill = {
            "source": job["source"],
            "stamp": job["stamp"],
            "at": self.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "age": instants.short_span(self.now - instants.from_stamp(job["stamp"])),
            "ok": error is None,
            "error": error,
            "seconds": seconds,
            "rto_met": None if job.get("rto") is None or seconds is None else seconds <= job["rto"],
            "probed": probed is not None,
        }
        self.catalogue.put_drill(drill)
        return drill["ok"], drill
