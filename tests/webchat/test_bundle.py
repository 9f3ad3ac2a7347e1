"""Joining modules: the scripts do what the modules do, and what can't be joined is refused."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lanchat.webchat.bundle import bundle
from lanchat.webchat.files import STATIC, Files, shortened

NODE = shutil.which("node")
#: A page of several modules, one of which is loaded later and uses one that is there already.
MODULES = {
    "/vendor/lib.js": "export const double = (n) => 2 * n;\n",
    "/app.js": (
        'import { count, next as following } from "./core/count.js";\n'
        'import { double } from "./vendor/lib.js";\n'
        "following();\n"
        'const load = () => import("./later/more.js");\n'
        "const told = [count(), double(count())];\n"
        "load().then(({ more }) => more()).then((text) => console.log(JSON.stringify([...told, text])));\n"
    ),
    "/core/count.js": (
        'import { step } from "./step.js";\n'
        "let now = 0;\n"
        "export function next() {\nnow += step;\n}\n"
        "export const count = () => now;\n"
    ),
    "/core/step.js": "export const step = 3;\n",
    "/later/more.js": (
        'import { count, next } from "../core/count.js";\n'
        'import { Helper } from "./helper.js";\n'
        "export async function more() {\nnext();\nreturn new Helper().help(count());\n}\n"
    ),
    "/later/helper.js": 'const now = "its own";\nexport class Helper {\nhelp(n) {\nreturn `${now} ${n}`;\n}\n}\n',
}


@pytest.mark.skipif(NODE is None, reason="there is no node to run scripts with (apt-get install nodejs)")
@pytest.mark.parametrize("joined", [False, True], ids=["modules", "scripts"])
def test_the_scripts_do_what_the_modules_do(tmp_path: Path, joined: bool) -> None:
    scripts = bundle(MODULES, "/app.js")
    assert set(scripts) == {"/app.js", "/later/more.js"}
    for path, text in {**MODULES, **(scripts if joined else {})}.items():
        place = tmp_path / path.lstrip("/")
        place.parent.mkdir(exist_ok=True)
        # (In node a path from the root is one of the disk.)
        place.write_text(text.replace('"/', f'"{tmp_path}/'))
    (tmp_path / "package.json").write_text('{"type": "module"}')
    done = subprocess.run([str(NODE), str(tmp_path / "app.js")], capture_output=True, text=True, check=True)  # noqa: S603 (ours)
    assert json.loads(done.stdout) == [3, 6, "its own 6"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('import helper from "./helper.js";\n', "import helper"),
        ('import * as helper from "./helper.js";\n', "import \\*"),
        ('import "./helper.js";\n', "import "),
        ("export default 3;\n", "export default"),
        ("export let n = 3;\n", "export let"),
        ('export { help } from "./helper.js";\n', "export {"),
        ('import { app } from "./app.js";\nexport const helper = app;\n', "/helper.js"),
    ],
)
def test_what_can_not_be_joined_is_refused(text: str, named: str) -> None:
    modules = {"/app.js": 'import { helper } from "./helper.js";\nexport const app = 1;\n', "/helper.js": text}
    with pytest.raises(ValueError, match=named):
        bundle(modules, "/app.js")


def test_the_page_is_few_scripts() -> None:
    files = Files()
    first = files.get("/app.js")
    assert first is not None
    assert b'from "./' not in first.body
    for path in STATIC.rglob("*.js"):
        assert files.get(f"/{path.relative_to(STATIC)}") is not None, "each module can be had by itself, too"


#: The folders of the page's modules, from the bottom up: a module imports from its own folder and from those before it.
FOLDERS = ("vendor", "common", "session", "core", "elements", "conversation", "shell")
#: The most modules in a folder, and lines in a module and columns in a line.
MOST_MODULES, MOST_LINES, MOST_COLUMNS = 25, 300, 128


@pytest.mark.parametrize("folder", FOLDERS[1:])
def test_imports_only_go_down_and_nothing_grows_too_large(folder: str) -> None:
    modules = list((STATIC / folder).glob("*.js"))
    assert 0 < len(modules) <= MOST_MODULES
    below = FOLDERS[: FOLDERS.index(folder) + 1]
    for module in modules:
        text = module.read_text()
        lines = text.splitlines()
        assert len(lines) <= MOST_LINES, module.name
        assert [line for line in lines if len(line) > MOST_COLUMNS] == [], module.name
        for name in re.findall(r'(?m)^import \{[^}]*\} from "([^"]+)";', text):
            assert (module.parent / name).resolve().parent.name in below, f"{module.name} imports {name}"


def test_scripts_are_sent_without_comments_but_with_all_that_only_looks_so() -> None:
    script = b"""/** What it
 * does. */
    const near = (/** @type {Event} */ event) => {  // of type `Event`
        open("http://chat/*"); // there
        return html`<p>1 // 2<//> ${ event }` + `/* no */`;
    };
    // The end.
"""
    assert shortened(script) == (
        b'const near = (event) => {\nopen("http://chat/*");\nreturn html`<p>1 // 2<//> ${ event }` + `/* no */`;\n};\n'
    )
