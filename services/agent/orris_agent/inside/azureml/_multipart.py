"""The parts of a form that brings files (multipart/form-data, RFC 7578)."""

from email.parser import BytesParser
from email.policy import HTTP
from io import BytesIO


class UploadedFile(BytesIO):
    """A file of a form."""

    def __init__(self, content, name, filename, content_type) -> None:
        super().__init__(content)
        self.name = name
        self.filename = filename
        self.content_type = self.mimetype = content_type
        self.stream = self

    def save(self, destination) -> None:
        """Write the content to a path, or to a file that is open."""
        if hasattr(destination, "write"):
            destination.write(self.getvalue())
        else:
            with open(destination, "wb") as file:
                file.write(self.getvalue())


def parse(content_type, body):
    """Return the fields and the files by name, each a list in order. Raises ValueError for what is no such form."""
    head = ("Content-Type: %s\r\n\r\n" % content_type).encode("utf-8")
    message = BytesParser(policy=HTTP).parsebytes(head + body)
    if not message.is_multipart():
        raise ValueError("the body is no multipart/form-data")
    fields, files = {}, {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True) or b""
        if name is None:
            continue
        filename = part.get_filename()
        if filename is None:
            fields.setdefault(name, []).append(content.decode(part.get_content_charset("utf-8"), "replace"))
        else:
            files.setdefault(name, []).append(UploadedFile(content, name, filename, part.get_content_type()))
    return fields, files
