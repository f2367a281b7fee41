"""Reads messages as a mail client does: headers, alternatives, and what can be clicked.

    python read_mail.py FILE.eml

prints one JSON object: the decoded headers by lower-case name, the text and the HTML part, and the addresses
of all links in the HTML part. A message that a client could not show is an error: a part that is missing, a
header or a body that does not decode.
"""

import email.policy
import html.parser
import json
import sys


class Links(html.parser.HTMLParser):
    """Where the links of a page lead, and the text between its tags."""

    def __init__(self, page):
        super().__init__()
        self.links = []
        self.words = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.links += [value for name, value in attributes if tag == "a" and name == "href"]

    def handle_data(self, data):
        self.words.append(data)


def part(message, kind):
    """The part of this kind that a client prefers."""
    body = message.get_body(preferencelist=(kind,))
    if body is None:
        sys.exit(f"there is no {kind} part")
    if body.defects:
        sys.exit(f"the {kind} part is damaged: {body.defects}")
    return body.get_content()


def main():
    with open(sys.argv[1], "rb") as file:
        message = email.message_from_binary_file(file, policy=email.policy.default)
    if message.defects:
        sys.exit(f"the message is damaged: {message.defects}")
    page = part(message, "html")
    links = Links(page)
    read = {
        "headers": {name.lower(): str(value) for name, value in message.items()},
        "text": part(message, "plain"),
        "html": page,
        "links": links.links,
        "words": " ".join(" ".join(links.words).split()),
    }
    json.dump(read, sys.stdout)


if __name__ == "__main__":
    main()
