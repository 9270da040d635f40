"""From a channel that refuses a notice for good to the next person told: the whole daemon, a real
receiver that answers 404."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.console.site import lab
from tests.receiver import SECRET, receiver


async def test_the_next_person_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "hook.secret").write_bytes(SECRET)
    with receiver() as hook:
        hook.status = 404
        site_file = f"""
duty:
  shifts: {{all: "00:00-00:00"}}
  rotation: {{start: {datetime.now(UTC).date() - timedelta(days=2)}, days: [{{all: operator}}]}}
  lead: [manager]
  manager: [admin]
notify: [{{id: hook, channel: webhook, url: "{hook.url}", secret: {{file: hook.secret}}}}]
"""
        async with lab(tmp_path, site_file) as site:
            # no channel that people read is needed: this one stands for it
            policy = replace(site.daemon.policy, read_by_people=frozenset(("hook",)))
            await site.daemon.desk.adopt(policy)
            number = await site.hot()
            async with asyncio.timeout(10):
                while len(hook.got) < 3:
                    await asyncio.sleep(0.02)
            await asyncio.sleep(0.2)  # and no fourth
            assert [one["reason"] for one in hook.got] == ["opened", "undelivered", "undelivered"]
            page = (await site.get(f"/api/v1/tickets/{number}")).json
            told = [line["why"] for line in page["journal"] if line["what"] == "undelivered"]
            assert [why.rsplit(" -> ")[1] for why in told] == [
                *("manager", "admin", "nobody left to tell"),
            ]
            assert page["called"] == ["admin", "manager", "operator"]
