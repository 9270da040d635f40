"""Floor plans beside the site file: read by what they are, not by how they are called."""

from pathlib import Path

from PIL import Image

from secmon.loading import check, load


def site(folder: Path) -> Path:
    (folder / "plans").mkdir()
    file = folder / "site.yaml"
    file.write_text("site: {id: lab, name: 示范工程}\n", encoding="utf-8")
    return file


def picture(folder: Path, name: str, size: tuple[int, int] = (8, 6), kind: str = "PNG") -> None:
    Image.new("RGB", size).save(folder / "plans" / name, kind)


def test_plans_in_the_order_of_floors_with_what_they_are(tmp_path: Path) -> None:
    file = site(tmp_path)
    for name, kind in (("10F.png", "PNG"), ("2F.jpg", "JPEG"), ("B1 车库.webp", "WEBP")):
        picture(tmp_path, name, kind=kind)
    picture(tmp_path, "3F.png", kind="JPEG")  # what it is counts
    found = load(file).floors
    assert [(one.name, one.content_type) for one in found] == [
        ("2F", "image/jpeg"),
        ("3F", "image/jpeg"),
        ("10F", "image/png"),
        ("B1 车库", "image/webp"),
    ]
    assert (found[0].width, found[0].height) == (8, 6)
    version = found[0].version
    picture(tmp_path, "2F.jpg", (9, 9), "JPEG")
    assert load(file).floors[0].version != version


def test_what_is_no_plan_is_told(tmp_path: Path) -> None:
    file = site(tmp_path)
    plans = tmp_path / "plans"
    (plans / "a.png").write_bytes(b"<svg onload=alert(1)>")
    (plans / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 40)
    (plans / "c.png").write_bytes(b"\0" * (10 * 1024 * 1024 + 1))
    (plans / "d%2e.png").write_bytes(b"")
    picture(tmp_path, "e.png", (10_001, 1))
    picture(tmp_path, "f.png")
    picture(tmp_path, "f.jpg", kind="JPEG")
    wrong, _ = check(file)
    said = [one.removeprefix(f"{plans}/") for one in wrong]
    for name, part in (
        ("a.png:1:", "expected a picture"),
        ("b.png:1:", "expected a picture"),
        ("c.png:1:", "expected at most 10 MB"),
        ("d%2e.png:1:", "expected a name of its own"),
        ("e.png:1:", "expected at most 10000 pixels a side (got 10001 x 1)"),
        ("f.png:1:", "expected a name of its own"),
    ):
        assert any(one.startswith(name) and part in one for one in said), (name, said)
    assert len(said) == 6


def test_a_file_that_is_no_picture_is_left_alone_with_a_warning(tmp_path: Path) -> None:
    file = site(tmp_path)
    (tmp_path / "plans" / "g.svg").write_text("<svg/>")
    (tmp_path / "plans" / ".DS_Store").write_text("x")
    wrong, doubts = check(file)
    assert wrong == []
    assert len(doubts) == 1 and "g.svg:1: expected a picture" in doubts[0]
