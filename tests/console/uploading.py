"""Files for uploads, made here, and how they are sent."""

from io import BytesIO

import aiohttp
from PIL import Image

from tests.console.site import Answer, Lab


def picture(kind: str = "JPEG", size: tuple[int, int] = (64, 48), **how: object) -> bytes:
    """A left half red, a right half blue."""
    made = Image.new("RGB", size, "blue")
    made.paste("red", (0, 0, size[0] // 2, size[1]))
    out = BytesIO()
    made.save(out, kind, **how)
    return out.getvalue()


def pdf(inside: bytes = b"<< /Type /Catalog >>") -> bytes:
    """The smallest that has its parts in their places."""
    head = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n" + inside + b"\nendobj\n"
    table = b"xref\n0 2\n0000000000 65535 f \n0000000015 00000 n \n"
    return head + table + b"trailer << /Size 2 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(head)


JPEG = picture()


async def upload(
    site: Lab, number: str, name: str, body: bytes, *, role: str = "operator", field: str = "file"
) -> Answer:
    form = aiohttp.FormData(quote_fields=False)  # as browsers write names
    form.add_field(field, BytesIO(body), filename=name, content_type="application/octet-stream")
    return await site.ask("POST", f"/api/v1/tickets/{number}/attachments", role, data=form)


async def got(site: Lab, path: str, role: str = "operator") -> tuple[Answer, bytes]:
    """What a GET brings, which may be no text."""
    headers = {"Authorization": f"Bearer {site.tokens[role]}"}
    async with site.session.get(site.base + path, headers=headers) as answer:
        body = await answer.read()
        return Answer(answer.status, {}, answer.headers.copy(), ""), body
