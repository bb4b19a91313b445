"""An SSH server that answers what pyrpl asks of a board's shell. Runs in the strangers' environment."""

from __future__ import annotations

import socket
import threading

import paramiko

PROMPT = "root@rp-f00000:~# "
ANSWERS = {
    "cat /root/.version": "2.07-43",
    "cat /tmp/loaded_fpga.inf": "pyrpl",
    "ls": "ls: cannot access it: No such file or directory",
}


class AnyRoot(paramiko.ServerInterface):
    """Lets root in, with the password every board has."""

    def check_auth_password(self, username, password):
        right = (username, password) == ("root", "root")
        return paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED

    def get_allowed_auths(self, username):
        return "password"

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED

    def check_channel_pty_request(self, *request):
        return True

    def check_channel_shell_request(self, channel):
        return True


class FakeShell:
    """Serves in threads; `commands` is what was typed."""

    def __init__(self):
        self.commands = []
        self._key = paramiko.RSAKey.generate(2048)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            connection, _ = self._listener.accept()
            transport = paramiko.Transport(connection)
            transport.add_server_key(self._key)
            transport.start_server(server=AnyRoot())
            threading.Thread(target=self._serve, args=(transport,), daemon=True).start()

    def _serve(self, transport):
        while (channel := transport.accept(60)) is not None:
            threading.Thread(target=self._converse, args=(channel,), daemon=True).start()

    def _converse(self, channel):
        channel.send(PROMPT.encode())
        typed = ""
        while data := channel.recv(1024):
            for letter in data.decode():
                if letter == "\x03":
                    channel.send(b"^C\r\n" + PROMPT.encode())
                    typed = ""
                elif letter == "\n":
                    channel.send(self._answer(typed.strip()).encode())
                    typed = ""
                else:
                    typed += letter

    def _answer(self, command):
        if command:
            self.commands.append(command)
        answer = ANSWERS.get(command) or ANSWERS.get(command.partition(" ")[0], "")
        return f"{command}\r\n" + (f"{answer}\r\n" if answer else "") + PROMPT
