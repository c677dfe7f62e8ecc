#!/usr/bin/env python3
"""What the services of these tests run: `ward.py ROLE PLACE`. How well it is stands in sick.txt beside it, so that each
version of the software can be sick in its own way. PLACE holds the ports, the printer's socket, and notes of what runs."""
import http.server
import json
import os
import socket
import sys
import threading
import time

here = os.path.dirname(os.path.abspath(__file__))


def read(path):
    with open(path) as file:
        return file.read().strip()


def forever(sick):
    # systemd is told where it wants to know.
    address = os.environ.get("NOTIFY_SOCKET")
    if address and sick != "hangs":
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            told.sendto(b"READY=1", address.replace("@", "\0", 1))
    if sick == "crashes":
        time.sleep(float(after))
        os._exit(1)
    while True:
        time.sleep(3600)


def klippy(path):
    if os.path.exists(path):
        os.remove(path)
    door = socket.socket(socket.AF_UNIX)
    door.bind(path)
    os.chmod(path, 0o777)
    door.listen()
    state, message = {
        "klipper-error": ("error", "mcu 'mcu': Protocol error\nUpdate the firmware."),
        "klipper-shutdown": ("shutdown", "Lost communication with MCU 'mcu'"),
    }.get(sick, ("ready", "Printer is ready"))
    while True:
        connection, _ = door.accept()
        threading.Thread(target=answer, args=(connection, state, message), daemon=True).start()


def answer(connection, state, message):
    heard = b""
    while piece := connection.recv(4096):
        heard += piece
        while b"\x03" in heard:
            text, heard = heard.split(b"\x03", 1)
            asked = json.loads(text)
            if sick == "klipper-silent":
                continue
            result = {}
            if asked["method"] == "info":
                result = {"state": state, "state_message": message}
            connection.sendall(json.dumps({"id": asked["id"], "result": result}).encode() + b"\x03")


class Door(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/health":
            return self.reply(500 if sick == "url" else 200, b"{}")
        if self.path == "/websocket":
            return self.reply(400 if sick == "moonraker-websocket" else 101, b"")
        failed = ["spoolman"] if sick == "moonraker-component" else []
        warnings = ["it is odd"] * (2 if sick == "moonraker-warning" else 1)
        info = {"failed_components": failed, "warnings": warnings}
        self.reply(200, json.dumps({"result": info}).encode())

    def reply(self, status, body):
        self.send_response(status)
        if status == 101:
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "Upgrade")
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *words):
        pass


def serve(port):
    http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Door).serve_forever()


role, place = sys.argv[1:3]
version, (sick, after) = read(os.path.join(here, "version.txt")), read(os.path.join(here, "sick.txt")).split()
if role == "check":
    print("looking around")
    if sick == "command":
        sys.exit("the camera does not answer")
    sys.exit(0)
if role == "helper" and sick == "unit" or role == "app" and sick == "exits":
    sys.exit(1)
with open(os.path.join(place, f"runs-{role}.part"), "w") as file:
    file.write(version)
os.rename(os.path.join(place, f"runs-{role}.part"), os.path.join(place, f"runs-{role}"))
if role == "klipper":
    threading.Thread(target=klippy, args=(os.path.join(place, "klippy.sock"),), daemon=True).start()
if role == "moonraker" and sick != "moonraker-gone":
    threading.Thread(target=serve, args=(read(os.path.join(place, "moonraker-port")),), daemon=True).start()
if role == "app":
    threading.Thread(target=serve, args=(read(os.path.join(place, "app-port")),), daemon=True).start()
forever(sick if role == "app" else "none")
