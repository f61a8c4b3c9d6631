"""What a form says."""

from __future__ import annotations

from starlette.datastructures import FormData, UploadFile


def text(form: FormData, name: str) -> str:
    """A field as it was typed, without space around it; empty where the form has none of that name."""
    value = form.get(name, "")
    return value.strip() if isinstance(value, str) else ""


async def files(form: FormData, name: str) -> list[tuple[str, bytes]]:
    """Names and contents of the files that were chosen."""
    chosen = [each for each in form.getlist(name) if isinstance(each, UploadFile) and each.size]
    return [(each.filename or name, await each.read()) for each in chosen]
