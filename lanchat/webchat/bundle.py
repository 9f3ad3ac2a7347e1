"""Bundle: joins the page's modules into two scripts when the server starts, so that browsers need not fetch eighty files.

The modules stay plain ES modules, which a browser could load one by one. For this they follow a few rules, and `bundle` raises
`ValueError` for a module that does not: imports and exports are named and stand at the beginning of a line, nothing that is
exported is assigned to later, no two modules import each other, and what is loaded later is written `() => import("./x.js")`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping

#: Matches an import of names; they may be given other names.
_IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.[^"]+)";\n', re.MULTILINE)
#: Matches the beginning of what is exported, up to its name.
_EXPORT = re.compile(r"^export (?=(?:(?:async )?function|class|const) (\w+))", re.MULTILINE)
#: Matches the loading of a module at a later time.
_LATER = re.compile(r'(?<==> import\()"(\.[^"]+)"(?=\))')
#: Matches imports and exports of other kinds.
_OTHER = re.compile(r"^(?:import\b(?!\()|export\b).*", re.MULTILINE)
#: Modules in this folder are by others, and are not joined.
VENDOR = "/vendor/"

#: The modules of the page: their text by their path, such as `/app.js`.
Modules = Mapping[str, str]


def bundle(modules: Modules, first: str) -> dict[str, str]:
    """The scripts by their paths: one of all that the first module imports, and one for each that is loaded later."""
    together = _needed(modules, first, ())
    later = {_path(path, name) for path in together for name in _LATER.findall(modules[path])}
    alone = {path: _join(modules, _needed(modules, path, together), together, first) for path in sorted(later)}
    return {first: _join(modules, together, ()), **alone}


def _path(importer: str, name: str) -> str:
    """The path of a module that another one imports by a relative name."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(importer), name))


def _needed(modules: Modules, first: str, known: Iterable[str]) -> list[str]:
    """A module and those that it needs, without the known ones, each after those that it imports itself."""
    order: list[str] = []
    under_way: list[str] = []

    def visit(path: str) -> None:
        if path in order or path in known or path.startswith(VENDOR):
            return
        if path in under_way:
            raise ValueError(f"{path} imports itself, by way of {under_way[-1]}")
        under_way.append(path)
        for _, name in _IMPORT.findall(modules[path]):
            visit(_path(path, name))
        order.append(under_way.pop())

    visit(first)
    return order


def _join(modules: Modules, paths: list[str], known: Iterable[str], elsewhere: str = "") -> str:
    """One script of these modules. Those that are known are exported by the script at the path `elsewhere`."""
    used = {_path(path, name) for path in paths for _, name in _IMPORT.findall(modules[path])}
    vendored = sorted(path for path in used if path.startswith(VENDOR))
    heads = [f'import * as {_variable(path)} from "{path}";' for path in vendored]
    if shared := sorted(used.intersection(known)):
        heads.append(f'import {{ {", ".join(map(_variable, shared))} }} from "{elsewhere}";')
    *inner, last = paths
    return "\n".join([*heads, *(_wrap(path, modules[path]) for path in inner), _body(last, modules[last])])


def _wrap(path: str, text: str) -> str:
    """A module as a constant, which has what it exports as members."""
    names = ",".join(_EXPORT.findall(text))
    return f"export const {_variable(path)}=(()=>{{\n{_EXPORT.sub('', _body(path, text))}return{{{names}}};\n}})();"


def _body(path: str, text: str) -> str:
    """A module's text, which takes what it imports from the constants of those modules. Raises `ValueError` if it can't."""

    def take(match: re.Match[str]) -> str:
        names = match[1].strip().replace(" as ", ":").replace(", ", ",")
        return f"const{{{names}}}={_variable(_path(path, match[2]))};\n"

    body = _LATER.sub(lambda match: f'"{_path(path, match[1])}"', _IMPORT.sub(take, text))
    if other := _OTHER.search(_EXPORT.sub("", body)):
        raise ValueError(f"{path}: write this import or export in another way: {other[0]}")
    return body


def _variable(path: str) -> str:
    """The name of a module's constant, such as `$shell_dialog_js`."""
    return "$" + re.sub(r"\W", "_", path.lstrip("/"))
