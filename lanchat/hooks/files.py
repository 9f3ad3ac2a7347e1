"""Files that are posted: which requests carry one, under what name, and what is said with it.

A request carries a file if it names one: `curl -T backup.tgz ADDRESS/` does, with a PUT below the secret; others have its name
in a header or behind the `?` (docs.ntfy.sh, "Attach local file"). Its body is the file itself. What is said with it is written
as to ntfy, in headers or parameters such as `Title` and `Message`.
"""

from __future__ import annotations

from typing import NamedTuple

from lanchat.hooks import answers, forms
from lanchat.hooks.bodies import header_text, media_type
from lanchat.hooks.ntfy import header_or_parameter, read_ntfy_caption
from lanchat.hooks.posted import Posted
from lanchat.hooks.texts import cut, line, tidy

#: The headers, and the parameters, with the name of a file.
_NAMES = ("x-filename", "filename")
#: The headers by which a repeat is known.
_KEYS = ("idempotency-key", "x-idempotency-key")


class PostedFile(NamedTuple):
    """What a request says of the file that it carries."""

    #: Its name, as the sender wrote it.
    name: str
    #: What is said with it; "" if nothing is.
    caption: str
    #: What makes a repeat of it the same message; None if nothing does.
    key: str | None
    #: Whether it came as to ntfy, whose answer repeats the topic, the title and the text.
    as_to_ntfy: bool
    topic: str
    title: str
    message: str
    #: Whether the body is a form, and not the file itself.
    is_form: bool

    def answer(self, seq: int, at: int, attachment: dict[str, object]) -> tuple[str, bytes]:
        """The type and the body of ntfy's answer, for the number and the time (in seconds) of the message, and its file."""
        return answers.ntfy(self.topic, self.title, self.message, attachment)(seq, at)


def read_file(posted: Posted, *, below: bool, put: bool, most: int) -> PostedFile | None:
    """What a request, of which the body need not be there, says of the file that it carries; None if it carries none.

    `below` tells whether the secret was in the path, before `posted.path`, and `put` whether it is a PUT. `most` is how many
    bytes what is said may have.
    """
    name = header_or_parameter(posted, *_NAMES) or (posted.path.rpartition("/")[2] if below and put else "")
    if not name.strip():
        return None
    said = read_ntfy_caption(posted)
    return PostedFile(
        name,
        cut(tidy(said.post.text), most),
        header_text(posted, *_KEYS) or None,
        not below,
        line(posted.path.strip("/")),
        said.title,
        tidy(said.message),
        media_type(posted).name == forms.MULTIPART,
    )
