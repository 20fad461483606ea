"""Pages in a browser: `python -m tests.pages.browser SITE` loads each in headless Chromium.

At every width, a page must load without an error, be no wider than the window, scroll no formula up
and down, and its graphs must walk back to their beginning and on to their end. What the page
computes for the numbers of a graph must be what stands there, and must follow when one of them
changes.
"""

import html
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

WIDTHS = (400, 800, 1400)
PROBE = """<script>
const errors = [];
addEventListener("error", (event) => errors.push(String(event.message)));
addEventListener("load", () => {
  const walks = [...document.querySelectorAll("figure.graph")].map((figure) => {
    const [first, , next, last] = figure.querySelectorAll("button");
    first.click();
    const hidden = figure.querySelectorAll(".off").length;
    next.click();
    const fewer = figure.querySelectorAll(".off").length;
    last.click();
    return [hidden > fewer, figure.querySelectorAll(".off").length === 0];
  });
  const numbers = [...document.querySelectorAll("figure[data-numbers]")].map((figure) => {
    const texts = () => [...figure.querySelectorAll(".value, .gradient")].map((t) => t.textContent).join();
    const field = figure.querySelector("input");
    const before = texts();
    field.dispatchEvent(new Event("input"));
    const same = texts() === before;
    field.value = 2 * field.value + 1;
    field.dispatchEvent(new Event("input"));
    return [same, texts() !== before];
  });
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const bars = [...document.querySelectorAll(".derivation, .derivation > div, pre, .wide")].filter(
    (e) => /auto|scroll/.test(getComputedStyle(e).overflowY) && e.scrollHeight > e.clientHeight,
  ).length;
  document.title = JSON.stringify({ errors, walks, numbers, wide, bars });
});
</script>"""


def seen(path, width):
    """What a browser of some width says of a page."""
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += [f"--window-size={width},900", "--virtual-time-budget=2000", path.as_uri()]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(html.unescape(re.search(r"<title>(.*?)</title>", result.stdout)[1]))


def main(folder):
    """1 if a page is not as it should be."""
    faults, pages = [], sorted(folder.glob("*.html"))
    with tempfile.TemporaryDirectory() as copies:
        for asset in (*folder.glob("*.css"), *folder.glob("*.js")):
            Path(copies, asset.name).write_bytes(asset.read_bytes())
        for page in pages:
            copy = Path(copies, page.name)
            text = page.read_text(encoding="utf-8")
            copy.write_text(text.replace("<head>", f"<head>{PROBE}", 1), encoding="utf-8")
            for width in WIDTHS:
                found = seen(copy, width)
                works = all(map(all, found["walks"] + found["numbers"]))
                if found["errors"] or found["wide"] > 0 or found["bars"] or not works:
                    faults.append(f"{page.name} at {width}: {found}")
    print(*faults, f"{len(pages)} pages, {len(WIDTHS)} widths: {len(faults)} faults", sep="\n")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
