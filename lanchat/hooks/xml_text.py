"""A title and a message in XML, as apprise sends them (`xml://`): the texts of two elements, without parsing the document.

So nothing in it can refer to files or grow (entities).
"""

from __future__ import annotations

import html
import re

#: The elements that are a title and a message.
_ELEMENTS = {"title": "Subject", "message": "Message"}
_CDATA = re.compile(r"\A\s*<!\[CDATA\[(.*)\]\]>\s*\Z", re.DOTALL)


def is_xml(text: str) -> bool:
    """Whether a text begins as XML does."""
    return text.lstrip().startswith(("<?xml", "<soap"))


def read_xml(text: str) -> dict[str, str]:
    """The title and the message, as far as they are there."""
    found = {}
    for member, element in _ELEMENTS.items():
        _, begin, rest = text.partition(f"<{element}>")
        content, end, _ = rest.partition(f"</{element}>")
        if begin and end:
            unwrapped = _CDATA.match(content)
            found[member] = unwrapped[1] if unwrapped else html.unescape(content)
    return found
