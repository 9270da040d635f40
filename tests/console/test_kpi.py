"""The month's figures over HTTP: of the real store, after real polls and verbs."""

from pathlib import Path

import pytest

from tests.console.site import lab


async def test_the_months_figures(tmp_path: Path) -> None:
    async with lab(tmp_path) as site:
        empty = await site.get("/api/v1/kpi", "auditor")
        assert empty.status == 200
        assert empty.json["systems"] == [] and empty.json["site"]["online_ratio"] is None
        number = await site.hot()
        await site.act(number, "acknowledge", note="on my way")
        await site.cam.set(listening=False)
        await site.poll("cam-1")
        await site.daemon.tally.look()
        before_it_is_kept = (await site.get("/api/v1/kpi")).json
        await site.daemon.tally.flush()
        found = (await site.get("/api/v1/kpi")).json
        assert before_it_is_kept["site"]["devices"] == found["site"]["devices"] == 5
        rows = {row["system"]: row for row in found["systems"]}
        assert rows["video"]["online_ratio"] == 0 and rows["video"]["intact_ratio"] == 0
        center = rows["center"]
        assert (center["devices"], center["online_ratio"], center["intact_ratio"]) == (2, 1, 0.5)
        assert (center["tickets"], center["unrestored"]) == (1, 1)
        assert center["clocks"]["respond"] == {"kept": 1, "of": 1, "ratio": 1}
        assert center["clocks"]["repair"] == {"kept": 0, "of": 0, "ratio": None}
        assert 0 <= center["mtta_seconds"] < 30 and center["mttr_seconds"] is None
        assert rows["intrusion"]["devices"] == 2, "the supply without probes is looked at too"
        assert found["site"]["tickets"] == 2
        before = (await site.get("/api/v1/kpi?month=2020-02")).json
        assert (before["from"], before["site"]["tickets"]) == ("2020-01-31T16:00:00.000Z", 0)


@pytest.mark.parametrize("month", ["2026-13", "now", "2026-11-01"])
async def test_what_is_no_month_is_told(tmp_path: Path, month: str) -> None:
    async with lab(tmp_path) as site:
        answer = await site.get(f"/api/v1/kpi?month={month}")
        assert answer.status == 400
        assert answer.json["detail"] == f"month: expected a month like 2026-11 (got {month!r})"
