# A real SMTP server (Debian's python3-aiosmtpd) that shows each mail as it arrives, as a line of JSON.
# smtp.py PORT CERT KEY MODE [USER PASSWORD]; MODE: starttls, tls, plain, hang (greets and never answers)
import asyncio
import json
import socket
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

port, cert, key, mode, *login = sys.argv[1:]
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(cert, key)


def say(**what):
    print(json.dumps(what), flush=True)


class Handler:
    async def handle_DATA(self, server, session, envelope):
        said = envelope.content.decode('utf8', 'surrogateescape')
        tls = mode == 'tls' or session.ssl is not None
        say(mail=said, sender=envelope.mail_from, to=envelope.rcpt_tos, tls=tls, user=session.auth_data)
        return '250 2.0.0 queued as 4711'

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith('nobody@'):
            return '550 5.1.1 no such mailbox'
        envelope.rcpt_tos.append(address)
        return '250 OK'


def authenticate(server, session, envelope, mechanism, data):
    name, password = data.login.decode(), data.password.decode()
    say(login=name, right=[name, password] == login)
    return AuthResult(success=[name, password] == login, handled=False, auth_data=name)


def protocol():
    return SMTP(
        Handler(),
        hostname='mail.test',
        tls_context=context if mode == 'starttls' else None,
        authenticator=authenticate if login else None,
        auth_require_tls=mode != 'tls',
        auth_required=bool(login),
    )


async def hang(reader, writer):
    writer.write(b'220 mail.test\r\n')
    await asyncio.sleep(3600)


async def main():
    if mode == 'hang':
        await asyncio.start_server(hang, '127.0.0.1', int(port))
    else:
        loop = asyncio.get_running_loop()
        await loop.create_server(protocol, '127.0.0.1', int(port), ssl=context if mode == 'tls' else None)
    say(ready=mode)
    await asyncio.sleep(3600)


asyncio.run(main())
