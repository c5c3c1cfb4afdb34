"""The freshness of sources as passive checks: texts in the plugins' form, and the call
of Icinga 2's API that hands them over."""

import base64
import datetime
import json
import ssl
import urllib.error
import urllib.request

from lib import instants

__all__ = ["check", "push"]

STATUS = {"ok": 0, "late": 2, "never": 2}


def check(row):
    """Return {"source", "status", "output"} as a plugin would end: status 0 or 2, and a
    line with performance data."""
    age = None if row["age"] is None else datetime.timedelta(seconds=row["age"])
    text = "newest verified copy is %s old" % instants.short_span(age) if age is not None else "there is no verified copy"
    word = "OK" if STATUS[row["status"]] == 0 else "CRITICAL"
    limit = row["rpo"] if row["rpo"] is not None else ""
    data = " | age=%ss;;%s stored=%dB" % (row["age"], limit, row["stored"]) if age is not None else ""
    return {"source": row["source"], "status": STATUS[row["status"]], "output": "BACKUP %s: %s%s" % (word, text, data)}


def push(settings, rows):
    """Hand all checks over; return what did not work, a line each. A service that the
    monitoring does not know is such a line, too."""
    context = ssl.create_default_context(cafile=settings.get("ca")) if settings["icinga"].startswith("https:") else None
    login = base64.b64encode(("%s:%s" % (settings.get("user", ""), settings.get("password", ""))).encode()).decode()
    problems = []
    for row in rows:
        result, (machine, _, host) = check(row), row["source"].rpartition("@")
        output, _, data = result["output"].partition(" | ")
        service = (settings.get("service") or "backup MACHINE").replace("MACHINE", machine)
        body = {
            "type": "Service",
            "filter": "host.name == wanted_host && service.name == wanted_service",
            "filter_vars": {"wanted_host": settings.get("host") or host, "wanted_service": service},
            "exit_status": result["status"],
            "plugin_output": output,
            "performance_data": data.split() if data else [],
        }
        request = urllib.request.Request(
            settings["icinga"].rstrip("/") + "/v1/actions/process-check-result",
            json.dumps(body).encode(),
            {"Accept": "application/json", "Content-Type": "application/json", "Authorization": "Basic " + login},
        )
        try:
            with urllib.request.urlopen(request, timeout=20, context=context) as answer:
                if not json.load(answer).get("results"):
                    problems.append("%s: the monitoring has no service %r at this host" % (row["source"], service))
        except (urllib.error.URLError, OSError, ValueError) as error:
            problems.append("%s: %s" % (row["source"], error))
    return problems
