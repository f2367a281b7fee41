"""A real SMTP server for the tests: STARTTLS, then AUTH, then every message as a file.

    python smtp_server.py --maildir DIR --cert CERT.pem --key KEY.pem --user USER --password PASSWORD

It listens on loopback, on a port that the system picks, and prints {"port": N} as its first line. It ends
when its standard input is closed, so it cannot outlive the test that started it.

In DIR:
    N.eml          a message as it arrived
    N.json         its envelope: who sent it to whom, as which user, over which TLS version
    logins.jsonl   one line for each successful login, WITH the password: a test that looks for a secret
                   everywhere else first proves here that it did arrive
A file has its name only once it is complete; N.json comes before N.eml, which tests wait for.

Failures on demand:
    --fail-rcpt ADDRESS=CODE   refuse this recipient with this code (may be repeated)
    --greylist N               refuse the first N recipients of all with 451
"""

import argparse
import asyncio
import json
import logging
import os
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

TEXTS = {450: "mailbox busy", 451: "greylisted, try again later", 550: "no such user", 552: "mailbox full"}


class Mailbox:
    """The folder, and the number of the next message."""

    def __init__(self, folder):
        self.folder = folder
        self.count = len(list(folder.glob("*.eml")))

    def store(self, content, envelope):
        self.count += 1
        self._put(f"{self.count}.json", json.dumps(envelope, indent=2).encode())
        self._put(f"{self.count}.eml", content)

    def record_login(self, login):
        with open(self.folder / "logins.jsonl", "a", encoding="utf-8") as lines:
            lines.write(json.dumps(login) + "\n")

    def _put(self, name, content):
        draft = self.folder / f".{name}.draft"
        draft.write_bytes(content)
        os.replace(draft, self.folder / name)


class Handler:
    """What happens with recipients and messages."""

    def __init__(self, mailbox, refused, greylist):
        self.mailbox = mailbox
        self.refused = refused
        self.greylist = greylist

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.greylist > 0:
            self.greylist -= 1
            return f"451 4.7.1 <{address}>: {TEXTS[451]}"
        code = self.refused.get(address.lower())
        if code is not None:
            return f"{code} {code // 100}.1.1 <{address}>: {TEXTS.get(code, 'refused')}"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        described = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "user": session.auth_data.login.decode(),
            "tls": server.transport.get_extra_info("ssl_object").version(),
        }
        self.mailbox.store(envelope.original_content, described)
        return "250 OK"


def authenticator(mailbox, user, password):
    """Accepts exactly this user with this password, by LOGIN or PLAIN."""

    def authenticate(server, session, envelope, mechanism, data):
        if not isinstance(data, LoginPassword):
            return AuthResult(success=False, handled=False)
        if (data.login, data.password) != (user.encode(), password.encode()):
            return AuthResult(success=False, handled=False)
        mailbox.record_login({"user": user, "password": password, "mechanism": mechanism})
        return AuthResult(success=True, auth_data=data)

    return authenticate


def refusal(text):
    """ADDRESS=CODE."""
    address, _, code = text.rpartition("=")
    if not address or not code.isdigit() or not 400 <= int(code) <= 599:
        raise argparse.ArgumentTypeError(f"{text!r} is not ADDRESS=CODE with a code from 400 to 599")
    return address.lower(), int(code)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--maildir", required=True, type=pathlib.Path)
    parser.add_argument("--cert", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--user", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--fail-rcpt", action="append", default=[], type=refusal, metavar="ADDRESS=CODE")
    parser.add_argument("--greylist", type=int, default=0, metavar="N")
    return parser.parse_args()


async def serve(options):
    options.maildir.mkdir(parents=True, exist_ok=True)
    mailbox = Mailbox(options.maildir)
    handler = Handler(mailbox, dict(options.fail_rcpt), options.greylist)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(options.cert, options.key)

    def connection():
        return SMTP(
            handler,
            hostname="localhost",
            tls_context=tls,
            require_starttls=True,
            auth_required=True,
            auth_require_tls=True,
            authenticator=authenticator(mailbox, options.user, options.password),
            enable_SMTPUTF8=True,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(connection, host="127.0.0.1", port=0)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await loop.run_in_executor(None, sys.stdin.buffer.read)
    server.close()


def main():
    # The library warns about its own past at every login.
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    asyncio.run(serve(arguments()))


if __name__ == "__main__":
    main()
