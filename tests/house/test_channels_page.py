"""docs/channels.md and the example site file know every channel and every key, and they load."""

import re
from pathlib import Path

import pytest
import yaml

from secmon.loading import catalogue, check, load

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "channels.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "config" / "site.example.yaml"
KINDS = sorted(catalogue.notifiers().points)


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_of_a_channel_is_on_the_page(kind: str) -> None:
    fields = catalogue.notifiers().get(kind).options.model_fields
    keys = [field.alias or name for name, field in fields.items()]
    assert f"`{kind}`" in PAGE
    text = PAGE if kind not in ("mqtt", "webhook") else PAGE + EXAMPLE.read_text(encoding="utf-8")
    missing = [key for key in keys if not re.search(rf"\b{key}\b", text)]
    assert [key for key in missing if (kind, key) != ("mqtt", "client_id")] == []


def test_the_examples_of_the_site_file_pass_check(tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    opened = re.sub(r"^  # (- \{id: |public_url: )", r"  \1", text, flags=re.MULTILINE)
    file = tmp_path / "secmon.yaml"
    file.write_text(opened, encoding="utf-8")
    assert check(file, secrets=False) == ([], [])
    named = {entry["channel"] for entry in yaml.safe_load(opened)["notify"]}
    assert named == set(KINDS), "an example of each"
    loaded = load(file, secrets=False)
    assert "watcher" not in loaded.policy.channels, "it is told of no ticket"
    assert loaded.policy.read_by_people == {
        *("mail", "ding", "wecom", "feishu", "sms", "aliyun", "tencent")
    }


def test_people_s_channels_without_a_public_address_are_warned_of(tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    file = tmp_path / "secmon.yaml"
    file.write_text(text.replace("  # - {id: ding", "  - {id: ding"), encoding="utf-8")
    mistakes, warnings = check(file, secrets=False)
    assert mistakes == []
    assert [re.sub(r"^\S+:\d+: ", "", one) for one in warnings] == [
        "http.public_url: expected an address like https://secmon.example.org, for messages of ding"
        " to carry a link (got none)"
    ]
    file.write_text(
        text.replace("  # - {id: ding", "  - {id: ding").replace(
            "# public_url: https:", "public_url: http:"
        ),
        encoding="utf-8",
    )
    assert "over http anybody" in check(file, secrets=False)[1][0]


def test_check_looks_into_the_secrets_of_robots_and_mail(tmp_path: Path) -> None:
    (tmp_path / "hook").write_text("not-an-address-but-a-token")
    (tmp_path / "ca.pem").write_text("no certificate")
    file = tmp_path / "secmon.yaml"
    file.write_text(
        """
site: {id: lab, name: lab}
notify:
  - {id: ding, channel: dingtalk, webhook: {file: hook}}
  - {id: wecom, channel: wecom, webhook: {file: gone}}
  - {id: mail, channel: email, host: mail.example, from: a@b.example, ca: ca.pem}
  - {id: feishu, channel: feishu, webhook: "https://open.feishu.cn/hook/a-secret-token"}
"""
    )
    mistakes, _ = check(file)
    told = [re.sub(r"^\S+:\d+: ", "", one) for one in mistakes]
    assert told[0].startswith("notify[0].webhook: expected an address like https://oapi.dingtalk")
    assert told[1].startswith("notify[1].webhook: expected a readable file gone")
    assert told[2].startswith("notify[2].ca: expected a PEM file of certificates")
    assert told[3].startswith(
        "notify[3].webhook: expected a reference, {file: NAME} or {env: NAME}"
    )
    assert "a-secret-token" not in " ".join(mistakes)
    assert "but-a-token" not in " ".join(mistakes)
