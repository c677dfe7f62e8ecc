#!/usr/bin/env python3
"""A service manager that speaks systemctl's words and really runs its services: `ward.py ROLE PLACE` for each unit."""
import json
import os
import signal
import subprocess
import sys
import time

PLACE, WARD = "@PLACE@", "@WARD@"
UNITS = ["app", "helper", "klipper", "moonraker"]
# Goes along when it is restarted.
PARTS = {"app": ["helper"]}


def note(unit):
    return os.path.join(PLACE, f"unit-{unit}")


def known(unit):
    try:
        with open(note(unit)) as file:
            return json.load(file)
    except FileNotFoundError:
        return {"pid": 0, "invocation": 0}


def lives(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(") ", 1)[1][0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def stop(unit):
    pid = known(unit)["pid"]
    if pid and lives(pid):
        os.kill(pid, signal.SIGKILL)
    while pid and lives(pid):
        time.sleep(0.005)


def start(unit):
    quiet = {name: subprocess.DEVNULL for name in ("stdin", "stdout", "stderr")}
    child = subprocess.Popen([sys.executable, WARD, unit, PLACE], start_new_session=True, **quiet)
    state = {"pid": child.pid, "invocation": known(unit)["invocation"] + 1}
    with open(note(unit) + ".part", "w") as file:
        json.dump(state, file)
    os.rename(note(unit) + ".part", note(unit))


def show(units):
    for name in units:
        unit = name.removesuffix(".service")
        if unit not in UNITS:
            print(f"Id={name}\nLoadState=not-found\nActiveState=inactive\nSubState=dead\n")
            continue
        state = known(unit)
        up = ("active", "running", "success") if lives(state["pid"]) else ("failed", "failed", "exit-code")
        print(f"Id={name}\nLoadState=loaded\nActiveState={up[0]}\nSubState={up[1]}\nResult={up[2]}\nType=simple")
        print(f"InvocationID={state['invocation']}\nNRestarts=0\n")


words = sys.argv[1:]
if words[0] == "show":
    show(words[words.index("--") + 1 :])
elif "restart" in words or "stop" in words:
    unit = words[-1].removesuffix(".service")
    for one in [unit] + PARTS.get(unit, []):
        stop(one)
        if "restart" in words:
            start(one)
elif words[0] != "list-units":
    sys.exit(f"never heard of {words}")
