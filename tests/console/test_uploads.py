"""What people put to tickets: written anew or refused, bounded, and harmless when it comes out."""

import asyncio
import sqlite3
import struct
import zlib
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from io import BytesIO

import aiohttp
import pytest
import pytest_asyncio
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from secmon.adapters.store import attachments
from secmon.api import Role
from secmon.console import uploads
from secmon.console.pictures import PIXELS, SIDE, NoPicture, written_anew
from secmon.console.uploads import LONGEST, file_name
from tests.console.reader import reader
from tests.console.site import Lab, lab
from tests.console.uploading import JPEG, got, pdf, picture, upload

GPS = b"31.2304N-121.4737E"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    async with lab(tmp_path_factory.mktemp("site")) as running:
        await running.hot()
        yield running


async def number_of(site: Lab) -> str:
    return str((await site.get("/api/v1/tickets?device=room-1")).json["tickets"][0]["number"])


# --- pictures, written anew ---


def with_exif(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "PhoneMaker"
    exif.get_ifd(0x8825)[29] = GPS.decode()
    return picture("JPEG", (64, 48), exif=exif, comment=b"a secret comment", quality=95)


def test_exif_and_comments_are_gone_and_the_picture_is_turned() -> None:
    raw = with_exif(6)  # the camera was held upright: turn it by 90° clockwise
    assert GPS in raw and b"PhoneMaker" in raw and b"secret comment" in raw
    made = written_anew(raw, LONGEST)
    assert (made.kind, made.width, made.height) == ("jpeg", 48, 64)
    for hidden in (GPS, b"PhoneMaker", b"secret comment", b"Exif"):
        assert hidden not in made.body
    shown = Image.open(BytesIO(made.body))
    assert not shown.getexif() and not {"exif", "comment", "icc_profile"} & shown.info.keys()
    red, _, blue = shown.getpixel((24, 8))  # type: ignore[misc]  # RGB: three of them
    assert red > 200 and blue < 60, "the left half is above now"


def chunks(png: bytes) -> list[int]:
    """Where the data of each chunk begins."""
    found, at = [], 8
    while at < len(png):
        found.append(at + 8)
        at += 12 + int.from_bytes(png[at : at + 4], "big")
    return found


def test_a_png_s_texts_and_what_follows_it_are_gone() -> None:
    info = PngInfo()
    info.add_text("Comment", "a secret comment")
    profile = b"a secret profile" * 9
    raw = (
        picture("PNG", pnginfo=info, icc_profile=profile, exif=b"Exif\0\0a secret")
        + b"<script>alert(1)</script>PK\x03\x04"
    )
    made = written_anew(raw, LONGEST)
    assert made.kind == "png" and b"secret" not in made.body and b"script" not in made.body
    kinds = [made.body[at - 4 : at] for at in chunks(made.body)]
    assert set(kinds) == {b"IHDR", b"IDAT", b"IEND"}, "pixels and nothing else"
    assert Image.open(BytesIO(made.body)).getpixel((1, 1)) == (255, 0, 0)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "CMYK", "I;16"])
def test_every_mode_comes_out(mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    out = BytesIO()
    Image.new(mode, (20, 10)).save(out, kind)
    made = written_anew(out.getvalue(), LONGEST)
    assert (made.width, made.height) == (20, 10)
    assert Image.open(BytesIO(made.body)).mode == ("RGBA" if mode in ("LA", "RGBA") else "RGB")


def test_webp_comes_out_as_jpeg_and_the_first_of_several_pictures_counts() -> None:
    assert written_anew(picture("WEBP"), LONGEST).kind == "jpeg"
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    out = BytesIO()
    frames[0].save(out, "PNG", save_all=True, append_images=frames[1:])
    made = Image.open(BytesIO(written_anew(out.getvalue(), LONGEST).body))
    assert getattr(made, "n_frames", 1) == 1 and made.getpixel((0, 0)) == (255, 0, 0)


def test_a_large_picture_is_made_smaller() -> None:
    made = written_anew(picture("JPEG", (5000, 1000)), LONGEST)
    assert (made.width, made.height) == (SIDE, 819)


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is so large."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + data


@pytest.mark.parametrize("size", [(PIXELS, 2), (20_000, 20_000), (1 << 30, 1 << 30), (0, 0)])
def test_a_bomb_is_refused_before_it_is_decoded(size: tuple[int, int]) -> None:
    with pytest.raises(NoPicture):
        written_anew(bomb(*size), LONGEST)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xd8\xff",
        JPEG[:200],
        picture("PNG")[:60],
        picture("GIF"),
        picture("BMP"),
        picture("TIFF"),
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"%!PS-Adobe-3.0\n",
        bomb(100, 100),
    ],
)
def test_what_is_no_whole_picture_is_refused(raw: bytes) -> None:
    with pytest.raises(NoPicture, match="expected"):
        written_anew(raw, LONGEST)


# --- over HTTP ---


@pytest.mark.asyncio(loop_scope="module")
async def test_a_picture_goes_in_and_comes_out_harmless(shared: Lab) -> None:
    number = await number_of(shared)
    made = await upload(shared, number, "../../etc/大门 <b>.JPG", with_exif(1))
    assert made.status == 201, made
    assert (made.json["name"], made.json["kind"], made.json["by"]) == (
        "大门 b.jpg",
        "jpeg",
        "operator",
    )
    answer, body = await got(shared, f"/api/v1/tickets/{number}/attachments/{made.json['id']}")
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Content-Disposition"].startswith("inline; filename=")
    assert GPS not in body and len(body) == made.json["size"]
    ticket = (await shared.get(f"/api/v1/tickets/{number}")).json
    assert made.json in ticket["attachments"]
    line = next(one for one in ticket["journal"] if one["what"] == "attached")
    assert line["by"] == "operator" and line["why"].startswith("大门 b.jpg (")


@pytest.mark.asyncio(loop_scope="module")
async def test_a_pdf_is_a_download_and_never_shown(shared: Lab) -> None:
    number = await number_of(shared)
    made = await upload(shared, number, "signed.pdf", pdf())
    assert made.status == 201 and made.json["kind"] == "pdf"
    path = f"/api/v1/tickets/{number}/attachments/{made.json['id']}"
    answer, body = await got(shared, path)
    assert body == pdf()
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert "sandbox" in answer.headers["Content-Security-Policy"]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("name", "raw", "said"),
    [
        ("a.exe", b"MZ" + bytes(200), "JPEG, PNG or WebP"),
        ("a.jpg", b"<html><script>alert(1)</script></html>", "JPEG, PNG or WebP"),
        ("a.jpg", JPEG[:300], "whole picture"),
        ("a.png", bomb(30_000, 30_000), "expected"),
        ("a.svg", b"<svg onload='alert(1)'/>", "JPEG, PNG or WebP"),
        ("a.pdf", b"%PDF-1.7\n" + bytes(100), "cut off"),
        ("a.pdf", b"%PDF-9.9\n" + pdf()[9:], "header"),
        ("a.pdf", pdf()[:-20], "cut off"),
        ("a.pdf", pdf().replace(b"startxref\n", b"startxref\n9"), "not where it says"),
        ("a.pdf", pdf(b"<< /OpenAction << /S /JavaScript /JS (app.alert(1)) >> >>"), "JavaScript"),
        ("a.pdf", pdf(b"<< /S /Java#53cript >>"), "JavaScript"),
        ("a.pdf", pdf(b"<< /S /Launch /F (calc.exe) >>"), "Launch"),
        ("a.pdf", pdf(b"<< /Type /EmbeddedFile >>"), "EmbeddedFile"),
        ("a.jpg", b"", "nothing"),
    ],
)
async def test_what_is_refused_says_why_and_is_not_kept(
    shared: Lab, name: str, raw: bytes, said: str
) -> None:
    number = await number_of(shared)
    before = (await shared.get(f"/api/v1/tickets/{number}")).json["attachments"]
    answer = await upload(shared, number, name, raw)
    assert answer.status in (400, 415) and said in answer.json["detail"], answer
    assert (await shared.get(f"/api/v1/tickets/{number}")).json["attachments"] == before


@pytest.mark.asyncio(loop_scope="module")
async def test_ten_megabytes_is_the_end_whatever_the_head_says(shared: Lab) -> None:
    number = await number_of(shared)
    assert (await upload(shared, number, "a.jpg", bytes(LONGEST + 1))).status == 413
    assert (await upload(shared, number, "a.jpg", bytes(LONGEST + 200_000))).status == 413

    async def endless() -> AsyncIterator[bytes]:  # chunked: no length in the head
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
        for _ in range(200):
            yield bytes(1 << 16)

    headers = {
        "Authorization": f"Bearer {shared.tokens['operator']}",
        "Content-Type": "multipart/form-data; boundary=x",
    }
    url = f"{shared.base}/api/v1/tickets/{number}/attachments"
    status = 0
    try:
        async with shared.session.post(url, headers=headers, data=endless()) as answer:
            status = answer.status
    except aiohttp.ClientError:
        status = 413  # it hung up while we were still sending
    assert status == 413
    path = f"/api/v1/tickets/{number}/note"
    long = await shared.post(path, {"note": "x" * 70_000})
    assert long.status == 413, "other bodies stay small"


@pytest.mark.asyncio(loop_scope="module")
async def test_bodies_that_are_no_such_form(shared: Lab) -> None:
    number = await number_of(shared)
    path = f"/api/v1/tickets/{number}/attachments"
    assert (await shared.ask("POST", path, json={"file": "x"})).status == 415
    assert (await shared.ask("POST", path, data=b"x")).status == 415
    assert (await upload(shared, number, "a.jpg", JPEG, field="other")).status == 400
    for kind in ("multipart/form-data", "multipart/form-data; boundary="):
        answer = await shared.ask("POST", path, data=b"--x\r\n", headers={"Content-Type": kind})
        assert answer.status in (400, 415), kind
    cut = b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nabc'
    head = {"Content-Type": "multipart/form-data; boundary=x"}
    assert (await shared.ask("POST", path, data=cut, headers=head)).status in (400, 415)
    assert (await upload(shared, "WX-2020-0001", "a.jpg", JPEG)).status == 404


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", ["0", "-1", "x", "99999", "9" * 30, "1%00", "%D9%A1"])
async def test_attachments_that_are_not_there(shared: Lab, name: str) -> None:
    number = await number_of(shared)
    for kind in ("attachments", "evidence"):
        answer, _ = await got(shared, f"/api/v1/tickets/{number}/{kind}/{name}")
        assert answer.status == 404, kind


async def test_a_file_is_of_its_ticket_and_no_other(site: Lab) -> None:
    one, other = await site.hot(1), await site.hot(2)
    made = (await upload(site, one, "a.jpg", JPEG)).json["id"]
    assert (await got(site, f"/api/v1/tickets/{one}/attachments/{made}"))[0].status == 200
    assert (await got(site, f"/api/v1/tickets/{other}/attachments/{made}"))[0].status == 404


async def test_one_ticket_holds_so_many_and_so_much(
    site: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await site.hot()
    monkeypatch.setattr(attachments, "PER_TICKET", 3)
    told = [(await upload(site, number, f"{n}.jpg", JPEG)).status for n in range(4)]
    assert told == [201, 201, 201, 409]
    monkeypatch.setattr(attachments, "PER_TICKET", 20)
    monkeypatch.setattr(attachments, "BYTES_PER_TICKET", 1000)
    full = await upload(site, number, "a.pdf", pdf())
    assert full.status == 409 and "at one ticket" in full.json["detail"]


async def test_too_many_uploads_at_once_are_asked_to_wait(
    site: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await site.hot()
    monkeypatch.setattr(uploads, "WAITING", 0)
    answer = await upload(site, number, "a.jpg", JPEG)
    assert answer.status == 503 and answer.headers["Retry-After"]


async def test_a_drip_is_cut_off(site: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    number = await site.hot()
    monkeypatch.setattr(uploads, "WITHIN", 0.2)

    async def drip() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n'
        for _ in range(30):
            await asyncio.sleep(0.1)
            yield b"x"

    headers = {
        "Authorization": f"Bearer {site.tokens['operator']}",
        "Content-Type": "multipart/form-data; boundary=x",
    }
    url = f"{site.base}/api/v1/tickets/{number}/attachments"
    async with asyncio.timeout(5), site.session.post(url, headers=headers, data=drip()) as answer:
        assert answer.status == 400 and "within" in await answer.text()


async def test_what_a_camera_saw_is_shown_to_who_may(site: Lab) -> None:
    number = await site.hot()
    ticket = next(one for one in site.daemon.world.tickets.values() if one.number == number)
    raw = with_exif(1)
    with closing(sqlite3.connect(site.store.path)) as db:
        rows = [("lab", ticket.id, f"2026-11-01T00:00:0{n}.000000Z", raw) for n in range(2)]
        db.executemany("INSERT INTO evidence VALUES (?, ?, ?, ?)", rows)
        db.execute(
            "UPDATE evidence SET picture = ? WHERE at LIKE '%01.000000Z'", [b"\xff\xd8broken"]
        )
        db.commit()
    path = f"/api/v1/tickets/{number}/evidence"
    assert len((await site.get(f"/api/v1/tickets/{number}")).json["evidence"]) == 2
    answer, body = await got(site, f"{path}/1")
    assert answer.status == 200 and answer.headers["Content-Type"] == "image/jpeg"
    assert GPS not in body, "written anew, as an upload is"
    assert (await got(site, f"{path}/2"))[0].status == 404, "it is damaged"
    assert (await got(site, f"{path}/1", "viewer"))[0].status == 403
    async with reader(site, "guan", Role.VIEWER) as viewer, reader(site) as one:
        assert "/evidence/1" not in (await viewer.get(f"/tickets/{number}")).text
        page = await one.get(f"/tickets/{number}")
        assert f'<img src="{path}/1"' in page.text and 'enctype="multipart/form-data"' in page.text


async def test_the_page_s_form_takes_a_file_and_says_why_not(site: Lab) -> None:
    number = await site.hot()
    async with reader(site) as one:

        async def send(name: str, body: bytes) -> tuple[int, str, str]:
            form = aiohttp.FormData()
            form.add_field("file", BytesIO(body), filename=name)
            url = f"{site.base}/tickets/{number}/attachments"
            headers = {"Origin": site.base, "Accept": "text/html"}
            async with one.session.post(
                url, data=form, headers=headers, allow_redirects=False
            ) as answer:
                return answer.status, await answer.text(), answer.headers.get("Location", "")

        assert await send("a.jpg", JPEG) == (303, "", f"/tickets/{number}?done=attach")
        page = await one.get(f"/tickets/{number}?done=attach")
        assert "File added" in page.words and ">a.jpg</a>" in page.text
        status, text, _ = await send("a.exe", b"MZ" + bytes(50))
        assert status == 415 and "The file was not taken:" in text


async def test_pictures_of_tickets_that_ended_long_ago_are_let_go_and_pdf_stays(site: Lab) -> None:
    ended, still_open = await site.hot(1), await site.hot(2)
    for number in (ended, still_open):
        await upload(site, number, "a.jpg", JPEG)
        await upload(site, number, "a.pdf", pdf())
    await site.act(ended, "cancel", "manager", note="x")
    later = datetime.now(UTC) + timedelta(days=1)
    await site.store.access.prune(audit_before=later - timedelta(days=180), pictures_before=later)

    async def kept(number: str) -> list[str]:
        listed = (await site.get(f"/api/v1/tickets/{number}")).json["attachments"]
        return [one["kind"] for one in listed]

    assert await kept(ended) == ["pdf"]
    assert await kept(still_open) == ["jpeg", "pdf"]


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("door.jpeg", "door.jpg"),
        ("../../etc/passwd", "passwd.jpg"),
        ("C:\\fakepath\\门.png", "门.jpg"),
        ("a\u202egpj.exe", "a gpj.jpg"),
        ("a\r\nSet-Cookie: x.jpg", "a Set-Cookie x.jpg"),
        ('"><script>.jpg', "script.jpg"),
        (".htaccess", "htaccess.jpg"),
        ("", "file.jpg"),
        ("...", "file.jpg"),
        ("x" * 300, "x" * 80 + ".jpg"),
    ],
)
def test_names_are_cleaned(said: str, name: str) -> None:
    assert file_name(said, "jpeg") == name
