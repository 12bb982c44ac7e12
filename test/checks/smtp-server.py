"""An SMTP server for tests, out of Debian's aiosmtpd. Its settings are the JSON of its first argument,
what it is to do next comes as JSON lines on its standard input, and what happens goes out the same way."""

import asyncio
import email
import email.policy
import json
import ssl
import sys
import threading

from aiosmtpd.smtp import SMTP, AuthResult

settings = json.loads(sys.argv[1])
orders = {}


def tell(**what):
    print(json.dumps(what), flush=True)


def is_encrypted(server):
    return server.transport.get_extra_info("ssl_object") is not None


def authenticate(server, session, envelope, mechanism, data):
    given = [data.login.decode(), data.password.decode()]
    right = given == [settings["user"], settings["password"]]
    tell(auth=mechanism, right=right, tls=is_encrypted(server))
    return AuthResult(success=right, handled=False)


class Handler:
    async def handle_MAIL(self, server, session, envelope, address, options):
        if "mail" in orders:
            return orders["mail"]
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if "rcpt" in orders:
            return orders["rcpt"]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        tell(
            sender=envelope.mail_from,
            to=envelope.rcpt_tos,
            headers=[[name, str(value)] for name, value in mail.items()],
            defects=[str(defect) for defect in mail.defects],
            raw=envelope.content.decode("ascii", "backslashreplace"),
            body=mail.get_content(),
            tls=is_encrypted(server),
        )
        if orders.get("data") == "drop":
            server.transport.abort()
            await asyncio.sleep(3600)
        return orders.get("data", "250 OK")


def listen_to_orders():
    for line in sys.stdin:
        what = json.loads(line)
        if what is not None:
            orders.clear()
            orders.update(what)
        tell(understood=True)


async def main():
    context = None
    if settings["tls"] != "off":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(settings["certificate"], settings["key"])

    def protocol():
        others = {"PLAIN", "LOGIN"} - {settings.get("mechanism")}
        return SMTP(
            Handler(),
            hostname="mail.test",
            tls_context=context if settings["tls"] == "starttls" else None,
            require_starttls=settings["tls"] == "starttls",
            auth_required="mechanism" in settings,
            auth_require_tls=settings["tls"] == "starttls",
            auth_exclude_mechanism=others,
            authenticator=authenticate,
            loop=asyncio.get_running_loop(),
        )

    direct = context if settings["tls"] == "tls" else None
    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0, ssl=direct)
    threading.Thread(target=listen_to_orders, daemon=True).start()
    tell(port=server.sockets[0].getsockname()[1])
    await server.serve_forever()


asyncio.run(main())
