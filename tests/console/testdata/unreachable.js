// Buttons, fields and links that nobody could press: outside, covered, or without a name.
() => {
  const bad = [];
  for (const node of document.querySelectorAll("button, a[href], input:not([type=hidden]), select, textarea, summary")) {
    if (!node.checkVisibility() || node.matches(".skip")) continue;
    node.scrollIntoView({ block: "center" });
    const box = [...node.getClientRects()][0], x = box.x + box.width / 2, y = box.y + box.height / 2;
    const hit = document.elementFromPoint(x, y);
    const name = node.textContent.trim() || node.getAttribute("aria-label") || node.labels?.length;
    if (!hit || !(node.contains(hit) || hit.contains(node)) || box.x < 0 || box.right > innerWidth + 0.5 || !name) {
      bad.push(`${node.tagName} ${node.textContent.trim().slice(0, 30)} ${Math.round(box.x)}-${Math.round(box.right)}`);
    }
  }
  scrollTo(0, 0);
  return bad;
}
