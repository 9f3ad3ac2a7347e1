"""What the ports for browsers serve of files: it takes those that people send, and gives them to who has a link."""

from __future__ import annotations

from lanchat.service.service import ChatService
from lanchat.webchat.downloads import DownloadResource
from lanchat.webchat.resources import Resource
from lanchat.webchat.uploads import UploadResource


def file_resources(service: ChatService) -> list[Resource]:
    """What answers requests that send or fetch a file."""
    chat, blobs = service.chat, service.blobs
    return [
        UploadResource(chat.uploads, blobs, chat.limits, lambda: service.store.epoch),
        DownloadResource(chat.uploads, blobs),
    ]
