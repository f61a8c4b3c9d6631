"""How a sealed part or a message names a document: by its SHA-256, so that whoever is shown the document later can tell it is that one."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field, StringConstraints

from ledger.limits import ATTACHMENT_BYTES_MAX, ATTACHMENT_NAME_CHARS_MAX, ATTACHMENTS_PER_PART_MAX
from nodes.sealed_models import Hash, SealedModel

NAME_PATTERN: Final = r"^[^\x00-\x1f\x7f/\\]+\z"
FileName = Annotated[str, StringConstraints(min_length=1, max_length=ATTACHMENT_NAME_CHARS_MAX, pattern=NAME_PATTERN)]


class AttachmentRef(SealedModel):
    """A document: the SHA-256 of its bytes, the name that it was given, and how many bytes it has."""

    sha256: Hash
    name: FileName
    bytes: Annotated[int, Field(ge=1, le=ATTACHMENT_BYTES_MAX)]


AttachmentRefs = Annotated[list[AttachmentRef], Field(max_length=ATTACHMENTS_PER_PART_MAX)]
