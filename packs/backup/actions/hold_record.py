from lib.base import BackupAction


class HoldRecord(BackupAction):
    """Writes down that a copy is held, or no more."""

    def work(self, source, stamp, held):
        entry = self.catalogue.get(source, stamp)
        entry["held"] = held
        self.catalogue.put(entry)
        return {"source": source, "stamp": stamp, "held": held}
