"""Emergency plans: those that are shipped, and a site's own beside its site file."""

from pathlib import Path

from secmon.loading import check, load
from secmon.standard import tables

SITE = "site: {id: lab, name: 示范工程}\n"
OWN = """- id: video
  system: video
  title: 图像中断
  steps: [派人值守, {zh: 报主管, en: Tell the manager}]
- id: fire
  title: {en: Fire, zh: 火警}
  steps: [{en: "Call 119", zh: 拨打 119}]
"""
BAD = """- id: video
  system: vidio
  title: x
  steps: []
- id: fire
  title: {fr: feu}
  steps: [a, 3, {zh: ""}]
  colour: red
- id: fire
  title: y
  steps: [z]
- just words
"""


def site(folder: Path, **files: str) -> Path:
    (folder / "emergency").mkdir()
    for name, text in files.items():
        (folder / "emergency" / f"{name}.yaml").write_text(text, encoding="utf-8")
    file = folder / "site.yaml"
    file.write_text(SITE, encoding="utf-8")
    return file


def test_every_system_has_a_shipped_plan_in_both_languages(tmp_path: Path) -> None:
    plans = load(site(tmp_path)).policy.plans
    assert set(plans) == set(tables.systems())
    for key, one in plans.items():
        assert one.system == key
        assert one.ours
        assert 5 <= len(one.steps) <= 8, key
        for words in (one.title, *one.steps):
            assert set(words) == {"zh", "en"}, words


def test_a_sites_own_plan_takes_the_place_of_a_shipped_one(tmp_path: Path) -> None:
    plans = load(site(tmp_path, own=OWN)).policy.plans
    assert set(plans) == {*tables.systems(), "fire"}
    video, fire = plans["video"], plans["fire"]
    assert (video.ours, video.title) == (False, {"zh": "图像中断"})
    assert video.steps == ({"zh": "派人值守"}, {"zh": "报主管", "en": "Tell the manager"})
    assert (fire.system, list(fire.title)) == ("", ["zh", "en"]), "the site's language first"


def test_every_mistake_is_told_with_its_line(tmp_path: Path) -> None:
    file = site(tmp_path, a=BAD, b="- id: video\n  title: twice\n  steps: [x]\n", c="a: 1\n")
    wrong, _ = check(file)
    folder = f"{tmp_path / 'emergency'}/"
    said = [one.removeprefix(folder) for one in wrong]
    for start, part in (
        ("a.yaml:4: [0].steps", "expected"),
        ("a.yaml:6: [1].title", "{zh: …, en: …}"),
        ("a.yaml:7: [1].steps[1]", "(got 3)"),
        ("a.yaml:7: [1].steps[2]", "{zh: …, en: …}"),
        ("a.yaml:8: [1].colour", "unknown"),
        ("a.yaml:12: [3]", "expected a mapping"),
        ("c.yaml:1:", "expected a list of plans"),
    ):
        assert any(one.startswith(start) and part in one for one in said), (start, said)


def test_a_system_that_is_none_and_an_id_given_twice(tmp_path: Path) -> None:
    text = "- {id: a, system: vidio, title: x, steps: [y]}\n- {id: b, title: x, steps: [y]}\n"
    file = site(tmp_path, a=text, b="- {id: b, title: x, steps: [y]}\n")
    wrong, _ = check(file)
    said = " ".join(wrong)
    assert "a.yaml:1: [0].system: expected access, center, " in said
    assert "perhaps video (got 'vidio')" in said
    assert "b.yaml:1: [0].id: expected another id: b is given twice" in said
