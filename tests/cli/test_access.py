"""`secmon user …` and `secmon audit …`, through the daemon and over the store itself."""

import csv
import io

from tests.cli.place import Place

PASSWORD = "correct horse battery\n"


def good(place: Place, *words: str, stdin: str = "") -> str:
    said = place.command(*words, stdin=stdin)
    assert said.code == 0, said
    return said.out.strip()


def test_tokens_are_made_narrow_listed_and_revoked(daemon: Place) -> None:
    good(daemon, "user", "add", "narrow", "--role", "operator", stdin=PASSWORD)
    made = good(daemon, "user", "token", "narrow", "--as", "grafana", "--scope", "read")
    assert daemon.get("/api/v1/devices", made)[0] == 200
    status, answer = daemon.http("POST", "/api/v1/tickets", made, {"note": "x"})
    assert status == 403 and "this token is for read" in answer["detail"]
    short = good(daemon, "user", "token", "narrow", "--as", "s", "--expires", "90d")
    assert daemon.get("/api/v1/me", short)[1]["name"] == "narrow"
    listed = good(daemon, "user", "tokens", "narrow")
    assert "grafana" in listed and "read" in listed and made not in listed
    good(daemon, "user", "revoke", "narrow", "grafana")
    assert daemon.get("/api/v1/devices", made)[0] == 401
    again = daemon.command("user", "revoke", "narrow", "grafana")
    assert again.code == 2 and "has no token 'grafana'" in again.err
    assert daemon.command("user", "token", "narrow", "--expires", "soon").code == 2


def test_roles_locks_sessions_and_removal(daemon: Place) -> None:
    good(daemon, "user", "add", "leaver", "--role", "viewer", stdin=PASSWORD)
    assert good(daemon, "user", "role", "leaver", "engineer") == "leaver is engineer"
    assert good(daemon, "user", "unlock", "leaver") == "leaver may try again"
    assert good(daemon, "user", "logout", "leaver") == "0 sessions of leaver ended"
    assert "engineer" in next(
        line for line in good(daemon, "user", "list").splitlines() if line.startswith("leaver")
    )
    assert good(daemon, "user", "remove", "leaver") == "user leaver removed"
    assert "leaver" not in good(daemon, "user", "list")
    for words in (("role", "leaver", "viewer"), ("unlock", "leaver"), ("remove", "leaver")):
        gone = daemon.command("user", *words)
        assert gone.code == 2 and "there is no user 'leaver'" in gone.err


def test_a_password_that_is_guessed_first_is_refused(daemon: Place) -> None:
    said = daemon.command("user", "add", "weak", "--role", "viewer", stdin="1234567890\n")
    assert said.code == 2 and "first that are guessed" in said.err and "1234567890" not in said.err


def test_the_audit_is_checked_and_taken_away(daemon: Place) -> None:
    assert "are whole, head " in good(daemon, "audit", "verify")
    text = good(daemon, "audit", "export", "--from", "2020-01-01")
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert rows[0]["what"] == "export" and rows[0]["address"] == "unix"
    assert daemon.command("audit", "export", "--from", "x").code == 3


def test_without_a_daemon_too_and_a_restore_is_written_down(stopped: Place) -> None:
    good(stopped, "user", "add", "wang", "--role", "admin", stdin=PASSWORD)
    assert good(stopped, "audit", "verify").startswith("1 lines from 1 to 1 are whole")
    copy = stopped.folder / "copy.db"
    good(stopped, "db", "backup", str(copy))
    good(stopped, "db", "restore", str(copy))
    rows = good(stopped, "audit", "export", "--format", "jsonl")
    assert '"what": "restore"' in rows and '"subject": "copy.db"' in rows
    assert '"what": "backup"' not in rows, "the copy was made before that line"
